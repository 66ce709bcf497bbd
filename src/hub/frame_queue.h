#ifndef STREAM_LLM_HUB_FRAME_QUEUE_H_
#define STREAM_LLM_HUB_FRAME_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "src/wire/frame.h"

namespace stream_llm {

// A ring of frames. std::deque would cost each idle session 576 bytes; this costs 24 until it is
// used, and gives its memory back after a backlog.
class FrameQueue {
 public:
  FrameQueue() = default;
  FrameQueue(const FrameQueue&) = delete;
  FrameQueue& operator=(const FrameQueue&) = delete;

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  const FrameRef& front() const { return (*this)[0]; }
  const FrameRef& operator[](size_t index) const { return slots_[SlotOf(index)]; }

  void PushBack(const FrameRef& frame);
  void PopFront();
  // Removes the frame at `index`, in time proportional to `index`.
  void Erase(size_t index);

 private:
  static constexpr uint32_t kSmallestCapacity = 4;
  static constexpr uint32_t kKeptCapacity = 16;

  size_t SlotOf(size_t index) const { return (first_ + index) & (capacity_ - 1); }
  void Grow();

  std::unique_ptr<FrameRef[]> slots_;
  uint32_t capacity_ = 0;  // A power of two, or 0.
  uint32_t first_ = 0;
  uint32_t size_ = 0;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_HUB_FRAME_QUEUE_H_
