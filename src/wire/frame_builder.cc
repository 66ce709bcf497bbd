#include "src/wire/frame_builder.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

namespace stream_llm {

FrameBuilder::~FrameBuilder() { std::free(block()); }

void FrameBuilder::Append(std::string_view bytes) {
  if (bytes.empty()) return;
  std::memcpy(Reserve(bytes.size()), bytes.data(), bytes.size());
  Advance(bytes.size());
}

FrameRef FrameBuilder::Finish() {
  // A frame may live long in an outbox or a history: give back what doubling took too much of.
  const bool wasteful = capacity_ - size_ > size_ / 4 + 64;
  if (body_ == nullptr || wasteful) Reallocate(size_);
  const Frame* const frame = new (block()) Frame(size_);
  body_ = nullptr;
  size_ = capacity_ = 0;
  return FrameRef(frame);
}

void FrameBuilder::Grow(size_t count) {
  if (count > std::numeric_limits<size_t>::max() / 2 - size_) throw std::bad_alloc();
  Reallocate(std::max(size_ + count, capacity_ * 2));
}

void FrameBuilder::Reallocate(size_t capacity) {
  void* const moved = std::realloc(block(), kBodyOffset + capacity + Frame::kSuffixSize);
  if (moved == nullptr) throw std::bad_alloc();
  body_ = static_cast<char*>(moved) + kBodyOffset;
  capacity_ = capacity;
}

}  // namespace stream_llm
