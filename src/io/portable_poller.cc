#if !defined(_WIN32)

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <unordered_map>

#include "src/io/descriptor.h"
#include "src/io/poller.h"

namespace stream_llm {
namespace {

bool MakeNonBlocking(int fd) {
  return ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) == 0 &&
         ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

class PortablePoller final : public Poller {
 public:
  PortablePoller() {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return;
    wake_reader_ = Descriptor(ends[0]);
    wake_writer_ = Descriptor(ends[1]);
    MakeNonBlocking(ends[0]);
    MakeNonBlocking(ends[1]);
    polled_.push_back({.fd = ends[0], .events = POLLIN, .revents = 0});
    tags_.push_back(0);
  }

  bool valid() const { return wake_reader_.valid(); }

  bool Add(int fd, Tag tag) override { return Rearm(fd, tag); }

  bool Rearm(int fd, Tag tag) override {
    const auto [position, inserted] = index_.try_emplace(fd, polled_.size());
    if (!inserted) return true;
    polled_.push_back({.fd = fd, .events = POLLOUT, .revents = 0});
    tags_.push_back(tag);
    return true;
  }

  void Remove(int fd) override {
    const auto position = index_.find(fd);
    if (position == index_.end()) return;
    const size_t index = position->second;
    index_.erase(position);
    if (index != polled_.size() - 1) {
      polled_[index] = polled_.back();
      tags_[index] = tags_.back();
      index_[polled_[index].fd] = index;
    }
    polled_.pop_back();
    tags_.pop_back();
  }

  void Wait(int timeout_ms, std::vector<Tag>* tags) override {
    tags->clear();
    int left = ::poll(polled_.data(), static_cast<nfds_t>(polled_.size()), timeout_ms);
    if (left <= 0) return;
    if (polled_[0].revents != 0) DrainWakeUps();
    // Backwards, because Remove() fills a gap with the last.
    for (size_t i = polled_.size() - 1; i > 0; --i) {
      if (polled_[i].revents == 0) continue;
      tags->push_back(tags_[i]);
      Remove(polled_[i].fd);
    }
  }

  // A full pipe wakes as well as one more byte.
  void Wake() override {
    [[maybe_unused]] const ssize_t written = ::write(wake_writer_.get(), "", 1);
  }

 private:
  void DrainWakeUps() {
    std::array<char, 256> bytes;
    while (::read(wake_reader_.get(), bytes.data(), bytes.size()) > 0) {
    }
  }

  Descriptor wake_reader_;
  Descriptor wake_writer_;
  std::vector<pollfd> polled_;  // The first is the pipe's.
  std::vector<Tag> tags_;       // Parallel to polled_.
  std::unordered_map<int, size_t> index_;
};

}  // namespace

std::unique_ptr<Poller> MakePortablePoller() {
  auto poller = std::make_unique<PortablePoller>();
  if (!poller->valid()) return nullptr;
  return poller;
}

}  // namespace stream_llm

#endif  // !defined(_WIN32)
