#include "bench/client/client.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <utility>

namespace stream_llm::bench {
namespace {

using State = Connection::State;

constexpr uint64_t kStandardInput = ~uint64_t{0};
// Below the listen backlog of a Node server (511), which a faster client would overflow.
constexpr size_t kMostConnecting = 200;
constexpr size_t kReadSize = size_t{256} << 10;

std::string Request(const Options& options) {
  return "GET " + options.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) +
         "\r\nAccept: text/event-stream\r\nCache-Control: no-cache\r\n\r\n";
}

}  // namespace

Client::Client(Options options)
    : options_(std::move(options)),
      request_(Request(options_)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      began_at_(MonotonicNanoseconds()),
      buffer_(kReadSize, '\0') {
  connections_.reserve(All());
  Watch(STDIN_FILENO, EPOLLIN, kStandardInput);
}

Client::~Client() { ::close(epoll_); }

int Client::Run() {
  Open();
  BeginPhase();
  while (!finishing_) {
    Turn();
    if (GivesUp()) finishing_ = true;
  }
  if (phase_ < options_.phases.size()) EndPhase(false);
  return problem_.empty() ? 0 : 1;
}

bool Client::GivesUp() {
  constexpr uint64_t kSecond = 1'000'000'000;
  uint64_t now = MonotonicNanoseconds();
  if (now > began_at_ + options_.deadline * kSecond) {
    problem_ = "not finished before the deadline";
  } else if (phase_ < options_.phases.size() && arrivals_.events > 0 &&
             now > arrivals_.last_at + options_.silence * kSecond) {
    problem_ = "events did not come";
  } else {
    return false;
  }
  return true;
}

void Client::Open() {
  while (connections_.size() < All() && connecting_ < kMostConnecting && problem_.empty()) {
    size_t number = connections_.size();
    Connection& connection = connections_.emplace_back(options_.port, number);
    if (connection.state() == State::kClosed) {
      problem_ = "connection " + std::to_string(number) + ": " + std::strerror(errno);
      finishing_ = true;
      return;
    }
    ++connecting_;
    Watch(connection.fd(), EPOLLOUT, number);
  }
}

void Client::Watch(int fd, uint32_t events, uint64_t tag) const {
  epoll_event event{.events = events, .data = {.u64 = tag}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) < 0 && errno == EEXIST) {
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
  }
}

void Client::Turn() {
  std::array<epoll_event, 512> events;
  int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.u64 == kStandardInput) {
      finishing_ = true;
    } else {
      OnSocket(static_cast<size_t>(event.data.u64), event.events);
    }
  }
  Open();
  if (!ready_ && settled_ == All()) {
    ready_ = true;
    PrintReady();
  }
  if (ready_ && IsPhaseComplete()) {
    EndPhase(true);
    BeginPhase();
  }
}

void Client::OnSocket(size_t number, uint32_t events) {
  Connection& connection = connections_[number];
  State state_before = connection.state();
  uint64_t events_before = connection.events();
  if (state_before == State::kConnecting) {
    connection.SendRequest(request_);
    --connecting_;
    bool is_stalled = number >= Healthy();
    if (connection.state() != State::kClosed)
      Watch(connection.fd(), is_stalled ? 0U : uint32_t{EPOLLIN}, number);
    if (is_stalled) ++settled_;
  } else if (number >= Healthy()) {
    // Stalled, and the server has given it up.
    connection.Close();
    return;
  } else if (events != 0) {
    connection.Read(&buffer_, options_.check_order, &arrivals_);
  }
  if (number < Healthy()) OnProgress(connection, events_before, state_before);
}

void Client::OnProgress(const Connection& connection, uint64_t events_before, State state_before) {
  State state = connection.state();
  if (state == State::kClosed) {
    ++closed_;
    if (problem_.empty()) {
      problem_ = "a connection ended";
      if (connection.response().failed()) problem_ += ": " + connection.response().head();
    }
  }
  bool had_response = state_before == State::kStreaming;
  if (!had_response && (state == State::kStreaming || state == State::kClosed)) ++settled_;
  if (events_before < target_ && connection.events() >= target_) ++reached_;
  // Ended without its events: nobody waits for it.
  if (state == State::kClosed && connection.events() < target_) ++reached_;
}

bool Client::IsPhaseComplete() const {
  return phase_ < options_.phases.size() && reached_ >= Healthy();
}

void Client::BeginPhase() {
  if (phase_ < options_.phases.size()) target_ += options_.phases[phase_];
  arrivals_ = {};
  reached_ = static_cast<size_t>(std::count_if(
      connections_.begin(),
      connections_.begin() + static_cast<ptrdiff_t>(std::min(Healthy(), connections_.size())),
      [&](const Connection& c) { return c.state() == State::kClosed || c.events() >= target_; }));
}

void Client::EndPhase(bool complete) {
  uint64_t least = ~uint64_t{0};
  uint64_t most = 0;
  for (size_t i = 0; i < std::min(Healthy(), connections_.size()); ++i) {
    least = std::min(least, connections_[i].events());
    most = std::max(most, connections_[i].events());
  }
  const Histogram& latency = arrivals_.latency;
  std::cout << "{\"type\":\"phase\",\"phase\":" << phase_
            << ",\"complete\":" << (complete ? "true" : "false") << ",\"connections\":" << Healthy()
            << ",\"closed\":" << closed_ << ",\"events\":" << arrivals_.events
            << ",\"leastEvents\":" << least << ",\"mostEvents\":" << most
            << ",\"expected\":" << target_ << ",\"bytes\":" << arrivals_.bytes
            << ",\"lost\":" << arrivals_.lost << ",\"duplicated\":" << arrivals_.duplicated
            << ",\"unstamped\":" << arrivals_.unstamped << ",\"firstAt\":" << arrivals_.first_at
            << ",\"lastAt\":" << arrivals_.last_at
            << ",\"latency\":{\"p50\":" << latency.Percentile(0.5)
            << ",\"p90\":" << latency.Percentile(0.9) << ",\"p99\":" << latency.Percentile(0.99)
            << ",\"p999\":" << latency.Percentile(0.999) << ",\"max\":" << latency.max()
            << "},\"problem\":\"" << problem_ << "\"}" << std::endl;
  ++phase_;
}

void Client::PrintReady() const {
  std::cout << "{\"type\":\"ready\",\"connections\":" << Healthy()
            << ",\"milliseconds\":" << (MonotonicNanoseconds() - began_at_) / 1'000'000
            << ",\"problem\":\"" << problem_ << "\"}" << std::endl;
}

}  // namespace stream_llm::bench
