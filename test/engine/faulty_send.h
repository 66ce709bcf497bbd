#ifndef STREAM_LLM_TEST_ENGINE_FAULTY_SEND_H_
#define STREAM_LLM_TEST_ENGINE_FAULTY_SEND_H_

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "src/io/socket.h"
#include "test/engine/connection.h"

// What tests put in place of sendmsg(2). State is static, because Socket takes a plain function.
namespace stream_llm::faulty_send {

inline ssize_t Fail(int error) {
  errno = error;
  return -1;
}

// Fails always.
template <int kError>
ssize_t Always(int, const msghdr*, int) {
  return Fail(kError);
}

// Takes one byte at a time.
inline ssize_t OneByte(int fd, const msghdr* message, int flags) {
  iovec first = *message->msg_iov;
  first.iov_len = std::min<size_t>(first.iov_len, 1);
  msghdr shortened = *message;
  shortened.msg_iov = &first;
  shortened.msg_iovlen = 1;
  return ::sendmsg(fd, &shortened, flags);
}

// Fails the next `left` times, then sends.
template <int kError>
struct Times {
  static inline std::atomic<int> left = 0;
  static ssize_t Send(int fd, const msghdr* message, int flags) {
    return left.fetch_sub(1) > 0 ? Fail(kError) : ::sendmsg(fd, message, flags);
  }
};

// Fails on one descriptor, and sends on all others.
template <int kError>
struct On {
  static inline std::atomic<int> descriptor = -1;
  static ssize_t Send(int fd, const msghdr* message, int flags) {
    return fd == descriptor ? Fail(kError) : ::sendmsg(fd, message, flags);
  }
};

// Holds whoever sends, from Close() to Open().
class Gate {
 public:
  static ssize_t Send(int fd, const msghdr* message, int flags) {
    std::unique_lock lock(mutex_);
    held_ = !open_;
    changed_.notify_all();
    changed_.wait(lock, [] { return open_; });
    held_ = false;
    lock.unlock();
    return ::sendmsg(fd, message, flags);
  }

  static void Close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  static void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  // Waits until somebody is held. False after kPatience.
  static bool AwaitHeld() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [] { return held_; });
  }

 private:
  static inline std::mutex mutex_;
  static inline std::condition_variable changed_;
  static inline bool open_ = true;
  static inline bool held_ = false;
};

}  // namespace stream_llm::faulty_send

#endif  // STREAM_LLM_TEST_ENGINE_FAULTY_SEND_H_
