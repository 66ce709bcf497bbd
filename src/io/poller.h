#ifndef STREAM_LLM_IO_POLLER_H_
#define STREAM_LLM_IO_POLLER_H_

#include <cstdint>
#include <memory>
#include <vector>

namespace stream_llm {

// Waits for descriptors that can be written again, and for Wake().
//
// Thread safety: Wake() from any thread; the rest from one, the owner's.
class Poller {
 public:
  using Tag = uint64_t;

  virtual ~Poller() = default;

  // Watches `fd`: once it can be written, or has failed, Wait() reports `tag`, one time. Rearm()
  // asks for another time. False when the system refuses (errno says why).
  virtual bool Add(int fd, Tag tag) = 0;
  virtual bool Rearm(int fd, Tag tag) = 0;
  // To be called before `fd` is closed: as long as a duplicate of it is open, the system would go
  // on.
  virtual void Remove(int fd) = 0;

  // Waits until something is to be reported, Wake() was called, or `timeout_ms` have passed (-1: no
  // limit). Replaces the contents of `tags`.
  virtual void Wait(int timeout_ms, std::vector<Tag>* tags) = 0;
  // Makes the present Wait(), or else the next one, return at once.
  virtual void Wake() = 0;
};

// Null when the system has no descriptor left.
std::unique_ptr<Poller> MakePortablePoller();  // poll(2): any POSIX system.
#if defined(__linux__)
std::unique_ptr<Poller> MakeEpollPoller();
#endif

// The one that this build uses: epoll on Linux, unless STREAM_LLM_PORTABLE_POLLER is defined.
inline std::unique_ptr<Poller> MakePoller() {
#if defined(__linux__) && !defined(STREAM_LLM_PORTABLE_POLLER)
  return MakeEpollPoller();
#else
  return MakePortablePoller();
#endif
}

}  // namespace stream_llm

#endif  // STREAM_LLM_IO_POLLER_H_
