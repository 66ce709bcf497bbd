#include "bench/client/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <utility>

namespace stream_llm::bench {
namespace {

constexpr size_t kSourceAddresses = 16;

sockaddr_in LoopbackAddress(uint32_t host, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + host);
  return address;
}

int Connect(uint16_t port, size_t number) {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  int on = 1;
  // A reset at the end: ports that wait in TIME_WAIT would run out over many runs.
  linger reset{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_in source = LoopbackAddress(static_cast<uint32_t>(number % kSourceAddresses), 0);
  sockaddr_in server = LoopbackAddress(0, port);
  bool failed = ::bind(fd, reinterpret_cast<sockaddr*>(&source), sizeof source) < 0;
  failed = failed || (::connect(fd, reinterpret_cast<sockaddr*>(&server), sizeof server) < 0 &&
                      errno != EINPROGRESS);
  if (!failed) return fd;
  ::close(fd);
  return -1;
}

}  // namespace

uint64_t MonotonicNanoseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

Connection::Connection(uint16_t port, size_t number) : fd_(Connect(port, number)) {
  if (fd_ < 0) state_ = State::kClosed;
}

Connection::Connection(Connection&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      state_(other.state_),
      response_(std::move(other.response_)),
      reader_(std::move(other.reader_)),
      events_(other.events_),
      next_sequence_(other.next_sequence_) {}

void Connection::SendRequest(std::string_view request) {
  ssize_t sent = ::send(fd_, request.data(), request.size(), MSG_NOSIGNAL);
  // The request is far smaller than any send buffer: it fits, or the connection has failed.
  if (sent != static_cast<ssize_t>(request.size())) return Close();
  state_ = State::kWaiting;
}

void Connection::Read(std::string* buffer, bool check_order, Arrivals* arrivals) {
  ssize_t got = ::recv(fd_, buffer->data(), buffer->size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Close();
  uint64_t now = MonotonicNanoseconds();
  std::string_view bytes(buffer->data(), static_cast<size_t>(got));
  arrivals->bytes += bytes.size();
  response_.Feed(bytes, [&](std::string_view body) {
    reader_.Feed(body, [&](std::string_view data) { OnEvent(data, now, check_order, arrivals); });
  });
  if (response_.has_head() && state_ == State::kWaiting) state_ = State::kStreaming;
  if (response_.failed() || response_.ended()) Close();
}

void Connection::OnEvent(std::string_view data, uint64_t now, bool check_order,
                         Arrivals* arrivals) {
  ++events_;
  ++arrivals->events;
  if (arrivals->first_at == 0) arrivals->first_at = now;
  arrivals->last_at = now;
  auto stamp = ReadStamp(data);
  if (!stamp) {
    ++arrivals->unstamped;
    return;
  }
  arrivals->latency.Add(now > stamp->sent_at ? now - stamp->sent_at : 0);
  if (!check_order) return;
  if (stamp->sequence < next_sequence_) {
    ++arrivals->duplicated;
    return;
  }
  arrivals->lost += stamp->sequence - next_sequence_;
  next_sequence_ = stamp->sequence + 1;
}

void Connection::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  state_ = State::kClosed;
}

}  // namespace stream_llm::bench
