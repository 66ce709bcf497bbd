#include "src/hub/frame_queue.h"

#include <utility>

namespace stream_llm {

void FrameQueue::PushBack(const FrameRef& frame) {
  if (size_ == capacity_) Grow();
  slots_[SlotOf(size_)] = frame;
  ++size_;
}

void FrameQueue::PopFront() {
  slots_[first_] = FrameRef();
  first_ = static_cast<uint32_t>(SlotOf(1));
  --size_;
  if (size_ == 0 && capacity_ > kKeptCapacity) {
    slots_.reset();
    capacity_ = first_ = 0;
  }
}

void FrameQueue::Erase(size_t index) {
  for (size_t i = index; i > 0; --i) slots_[SlotOf(i)] = std::move(slots_[SlotOf(i - 1)]);
  PopFront();
}

void FrameQueue::Grow() {
  const uint32_t capacity = capacity_ == 0 ? kSmallestCapacity : capacity_ * 2;
  auto slots = std::make_unique<FrameRef[]>(capacity);
  for (uint32_t i = 0; i < size_; ++i) slots[i] = std::move(slots_[SlotOf(i)]);
  slots_ = std::move(slots);
  capacity_ = capacity;
  first_ = 0;
}

}  // namespace stream_llm
