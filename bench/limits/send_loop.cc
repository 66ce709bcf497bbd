// The least that a broadcast to HTTP/1.1 event streams can cost without coalescing: one thread, one
// blocking send(2) of the finished bytes per session and broadcast. No HTTP parser, no JavaScript,
// no timers, no limits: not a server to use, a mark to measure against.
//
// Prints {"port":N}, then answers each line on stdin with a line of JSON:
//   sessions                            -> {"sessions":N}
//   usage                               -> {"cpu":microseconds of this process}
//   broadcast FIRST COUNT INTERVAL TEXT -> {"startedAt":ns,"finishedAt":ns} after COUNT events,
//                                          INTERVAL microseconds apart, numbered from FIRST
//   tokens FIRST ROUNDS PERIOD TEXT     -> the same, after ROUNDS events to each session, one every
//                                          PERIOD ms, spread over it in steps of a ms
// and ends with stdin.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/event-stream\r\n"
    "Cache-Control: no-cache, no-transform\r\n"
    "X-Accel-Buffering: no\r\n"
    "Connection: keep-alive\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";
constexpr int kBacklog = 4096;
constexpr uint64_t kMillisecond = 1'000'000;

uint64_t Now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

void SleepUntil(uint64_t nanoseconds) {
  timespec until{.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000),
                 .tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000)};
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

uint64_t CpuMicroseconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto microseconds = [](timeval time) {
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000 + static_cast<uint64_t>(time.tv_usec);
  };
  return microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
}

void SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // The client has gone, which it counts itself.
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

// The bytes of one event as stream-llm writes them: a 15-character id, data, one HTTP/1.1 chunk.
std::string Frame(uint64_t sequence, std::string_view text) {
  std::array<char, 16> id{};
  std::snprintf(id.data(), id.size(), "%015" PRIu64, sequence);
  std::string event =
      "id:" + std::string(id.data()) + "\ndata:{\"seq\":" + std::to_string(sequence) +
      ",\"at\":" + std::to_string(Now()) + ",\"text\":\"" + std::string(text) + "\"}\n\n";
  std::array<char, 16> size{};
  std::snprintf(size.data(), size.size(), "%zX\r\n", event.size());
  return size.data() + event + "\r\n";
}

class SendLoop {
 public:
  SendLoop() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    if (::bind(listener_, generic, size) < 0 || ::listen(listener_, kBacklog) < 0 ||
        ::getsockname(listener_, generic, &size) < 0) {
      std::perror("send_loop");
      return;
    }
    std::cout << "{\"port\":" << ntohs(address.sin_port) << '}' << std::endl;
  }

  void Run() {
    std::array<pollfd, 2> watched{
        {{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}, {listener_, POLLIN, 0}}};
    while (::poll(watched.data(), watched.size(), -1) > 0) {
      if (watched[1].revents != 0) Accept();
      if (watched[0].revents == 0) continue;
      std::string line;
      if (!std::getline(std::cin, line)) return;
      Obey(line);
    }
  }

 private:
  void Accept() {
    int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // The client's request comes in one segment, and every request gets the same answer.
    std::array<char, 4096> request{};
    if (::recv(fd, request.data(), request.size(), 0) <= 0) {
      ::close(fd);
      return;
    }
    SendAll(fd, kHead);
    sessions_.push_back(fd);
  }

  void Obey(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "sessions") {
      std::cout << "{\"sessions\":" << sessions_.size() << '}' << std::endl;
    } else if (command == "usage") {
      std::cout << "{\"cpu\":" << CpuMicroseconds() << '}' << std::endl;
    } else if (command == "broadcast") {
      uint64_t first = 0;
      uint64_t count = 0;
      uint64_t interval = 0;
      std::string text;
      words >> first >> count >> interval >> std::ws;
      std::getline(words, text);
      Broadcast(first, count, interval * 1000, text);
    } else if (command == "tokens") {
      uint64_t first = 0;
      uint64_t rounds = 0;
      uint64_t period = 0;
      std::string text;
      words >> first >> rounds >> period >> std::ws;
      std::getline(words, text);
      StreamTokens(first, rounds, period * kMillisecond, text);
    }
  }

  void Broadcast(uint64_t first, uint64_t count, uint64_t interval, const std::string& text) {
    uint64_t started_at = Now();
    for (uint64_t i = 0; i < count; ++i) {
      if (interval > 0) SleepUntil(started_at + i * interval);
      std::string frame = Frame(first + i, text);
      for (int fd : sessions_) SendAll(fd, frame);
    }
    std::cout << "{\"startedAt\":" << started_at << ",\"finishedAt\":" << Now() << '}' << std::endl;
  }

  void StreamTokens(uint64_t first, uint64_t rounds, uint64_t period, const std::string& text) {
    const uint64_t started_at = Now();
    const uint64_t total = rounds * sessions_.size();
    uint64_t wake_up = started_at;
    for (uint64_t sent = 0; sent < total;) {
      SleepUntil(wake_up += kMillisecond);
      const uint64_t due = std::min(total, (Now() - started_at) * sessions_.size() / period);
      for (; sent < due; ++sent) {
        SendAll(sessions_[sent % sessions_.size()], Frame(first + sent / sessions_.size(), text));
      }
    }
    std::cout << "{\"startedAt\":" << started_at << ",\"finishedAt\":" << Now() << '}' << std::endl;
  }

  int listener_;
  std::vector<int> sessions_;
};

}  // namespace

int main() { SendLoop().Run(); }
