#if defined(__linux__)

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>

#include "src/io/descriptor.h"
#include "src/io/poller.h"

namespace stream_llm {
namespace {

class EpollPoller final : public Poller {
 public:
  EpollPoller()
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!epoll_.valid() || !wake_.valid()) return;
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = kWakeTag}};
    can_wake_ = ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) == 0;
  }

  bool valid() const { return can_wake_; }

  bool Add(int fd, Tag tag) override { return Control(EPOLL_CTL_ADD, fd, tag); }
  bool Rearm(int fd, Tag tag) override { return Control(EPOLL_CTL_MOD, fd, tag); }
  void Remove(int fd) override { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

  void Wait(int timeout_ms, std::vector<Tag>* tags) override {
    tags->clear();
    std::array<epoll_event, 256> events;
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
    for (int i = 0; i < count; ++i) {
      const Tag tag = events[static_cast<size_t>(i)].data.u64;
      if (tag != kWakeTag) tags->push_back(tag);
    }
  }

  // Edge-triggered, so the counter is never read: each write is an edge.
  void Wake() override {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
  }

 private:
  static constexpr Tag kWakeTag = ~Tag{0};

  bool Control(int operation, int fd, Tag tag) {
    epoll_event event{.events = EPOLLOUT | EPOLLONESHOT, .data = {.u64 = tag}};
    return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
  }

  const Descriptor epoll_;
  const Descriptor wake_;
  bool can_wake_ = false;
};

}  // namespace

std::unique_ptr<Poller> MakeEpollPoller() {
  auto poller = std::make_unique<EpollPoller>();
  if (!poller->valid()) return nullptr;
  return poller;
}

}  // namespace stream_llm

#endif  // defined(__linux__)
