#include "test/engine/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>

namespace stream_llm {
namespace {

void SetOption(const Descriptor& socket, int level, int name, int value) {
  EXPECT_EQ(::setsockopt(socket.get(), level, name, &value, sizeof value), 0);
}

// Nothing when there is nothing yet; an empty string at the end of the connection.
std::optional<std::string> ReadOnce(const Descriptor& client, size_t size) {
  std::array<char, 65536> bytes;
  const ssize_t count = ::read(client.get(), bytes.data(), std::min(size, bytes.size()));
  if (count < 0 && errno == EAGAIN) return std::nullopt;
  return std::string(bytes.data(), count < 0 ? 0 : static_cast<size_t>(count));
}

bool AwaitReadable(const Descriptor& client) {
  pollfd polled{.fd = client.get(), .events = POLLIN, .revents = 0};
  const auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience);
  return ::poll(&polled, 1, static_cast<int>(patience.count())) == 1;
}

// Returns whether the connection has ended.
bool ReceiveUntil(const Descriptor& client, size_t size, std::string* received) {
  while (received->size() < size && AwaitReadable(client)) {
    const auto bytes = ReadOnce(client, size - received->size());
    if (bytes && bytes->empty()) return true;
    *received += bytes.value_or("");
  }
  return false;
}

}  // namespace

Connection ConnectUnix() {
  std::array<int, 2> ends{-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

Connection ConnectTcp() {
  const Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(::bind(listener.get(), generic, size), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::getsockname(listener.get(), generic, &size), 0);

  Descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(client.get(), generic, size), 0);
  EXPECT_EQ(::fcntl(client.get(), F_SETFL, O_NONBLOCK), 0);
  Descriptor server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  EXPECT_TRUE(server.valid());
  SetOption(server, IPPROTO_TCP, TCP_NODELAY, 1);
  return {std::move(server), std::move(client)};
}

Connection ConnectNarrow() {
  Connection connection = ConnectUnix();
  SetOption(connection.server, SOL_SOCKET, SO_SNDBUF, 1);  // The system has a minimum.
  return connection;
}

Connection ConnectFull(size_t* filler) {
  Connection connection = ConnectNarrow();
  *filler = Fill(connection.server);
  return connection;
}

size_t Fill(const Descriptor& socket) {
  const std::string bytes(512, '.');
  size_t filler = 0;
  for (;;) {
    const ssize_t sent = ::send(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (sent < 0) break;
    filler += static_cast<size_t>(sent);
  }
  EXPECT_EQ(errno, EAGAIN);
  return filler;
}

void Reset(Connection* connection) {
  const linger no_linger{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(connection->client.get(), SOL_SOCKET, SO_LINGER, &no_linger, sizeof no_linger);
  const Descriptor closed = std::move(connection->client);
}

std::string Receive(const Descriptor& client, size_t size) {
  std::string received;
  ReceiveUntil(client, size, &received);
  return received;
}

std::string ReceiveAll(const Descriptor& client) {
  std::string received;
  EXPECT_TRUE(ReceiveUntil(client, received.max_size(), &received)) << "it did not end";
  return received;
}

std::string ReceiveSome(const Descriptor& client) {
  std::string received;
  for (;;) {
    const auto bytes = ReadOnce(client, received.max_size());
    if (!bytes || bytes->empty()) return received;
    received += *bytes;
  }
}

std::string Chunked(std::string_view body) {
  std::array<char, 20> size;
  const int digits = std::snprintf(size.data(), size.size(), "%zx\r\n", body.size());
  return std::string(size.data(), static_cast<size_t>(digits)).append(body) + "\r\n";
}

}  // namespace stream_llm
