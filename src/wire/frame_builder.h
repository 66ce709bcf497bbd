#ifndef STREAM_LLM_WIRE_FRAME_BUILDER_H_
#define STREAM_LLM_WIRE_FRAME_BUILDER_H_

#include <cstddef>
#include <string_view>

#include "src/wire/frame.h"

namespace stream_llm {

// A growing run of bytes that becomes a Frame without being copied.
// Not thread-safe. Throws std::bad_alloc when memory runs out.
class FrameBuilder {
 public:
  FrameBuilder() = default;
  FrameBuilder(const FrameBuilder&) = delete;
  FrameBuilder& operator=(const FrameBuilder&) = delete;
  ~FrameBuilder();

  // What has been written. Valid until the next call that is not const.
  std::string_view view() const { return {body_, size_}; }
  size_t size() const { return size_; }
  void Clear() { size_ = 0; }

  void Append(std::string_view bytes);

  // Makes room for at least `count` more bytes and returns where they go. Call Advance() with the
  // number written; what lies beyond may be scribbled on.
  char* Reserve(size_t count) {
    if (count > capacity_ - size_) Grow(count);
    return body_ + size_;
  }
  void Advance(size_t count) { size_ += count; }

  // Turns the bytes into a frame and leaves the builder empty.
  FrameRef Finish();

 private:
  static constexpr size_t kBodyOffset = sizeof(Frame) + Frame::kPrefixCapacity;

  // The allocation, where the Frame will be.
  char* block() const { return body_ == nullptr ? nullptr : body_ - kBodyOffset; }
  void Grow(size_t count);
  void Reallocate(size_t capacity);

  char* body_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_WIRE_FRAME_BUILDER_H_
