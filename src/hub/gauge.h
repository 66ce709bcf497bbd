#ifndef STREAM_LLM_HUB_GAUGE_H_
#define STREAM_LLM_HUB_GAUGE_H_

#include <atomic>
#include <cstddef>

namespace stream_llm {

// How much of a session waits, for a reader on another thread. Written by the Hub's thread only.
//
// What has arrived stands in waiting() already: so a reader that asks for arrived() first may count
// a frame twice for a moment, but never misses one.
class Gauge {
 public:
  void Arrived(size_t bytes) {
    const size_t before = arrived_.load(std::memory_order_relaxed);
    arrived_.store(before + bytes, std::memory_order_release);
  }
  void SetWaiting(size_t bytes) { waiting_.store(bytes, std::memory_order_relaxed); }
  // The session is gone, and takes nothing of what is on its way.
  void SetGone() { gone_.store(true, std::memory_order_relaxed); }

  // Bytes sent to this session alone that have come to the Hub, ever.
  size_t arrived() const { return arrived_.load(std::memory_order_acquire); }
  // Bytes in the outbox now.
  size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  bool gone() const { return gone_.load(std::memory_order_relaxed); }

 private:
  std::atomic<size_t> arrived_ = 0;
  std::atomic<size_t> waiting_ = 0;
  std::atomic<bool> gone_ = false;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_HUB_GAUGE_H_
