#ifndef STREAM_LLM_WIRE_FRAME_H_
#define STREAM_LLM_WIRE_FRAME_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace stream_llm {

class FrameRef;

// Bytes as they go over the wire, written once and shared by every session that gets them.
// Body and HTTP/1.1 chunk are two views of one allocation:
//
//   [Frame][chunk size in hex, CR LF][body][CR LF]
//
// Thread safety: immutable, so any thread may read one it holds a FrameRef to.
// Ownership: reference counted by FrameRef; made by FrameBuilder only.
class Frame {
 public:
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  std::string_view body() const { return {bytes() + kPrefixCapacity, body_size_}; }

  // The body as one chunk of the chunked transfer coding (RFC 9112, section 7.1). Empty for an
  // empty body, because an empty chunk would end the response.
  std::string_view chunk() const {
    if (body_size_ == 0) return {};
    return {bytes() + kPrefixCapacity - prefix_size_, prefix_size_ + body_size_ + kSuffixSize};
  }

 private:
  friend class FrameBuilder;
  friend class FrameRef;

  static constexpr size_t kPrefixCapacity = 2 * sizeof(size_t) + 2;
  static constexpr size_t kSuffixSize = 2;

  explicit Frame(size_t body_size);
  ~Frame() = default;

  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }

  void Retain() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void Release() const;

  const size_t body_size_;
  mutable std::atomic<uint32_t> references_{1};
  uint32_t prefix_size_ = 0;
};

// A counted reference to a Frame; as cheap to move as a pointer.
class FrameRef {
 public:
  FrameRef() = default;
  FrameRef(const FrameRef& other) : frame_(other.frame_) {
    if (frame_ != nullptr) frame_->Retain();
  }
  FrameRef(FrameRef&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  FrameRef& operator=(FrameRef other) noexcept {
    std::swap(frame_, other.frame_);
    return *this;
  }
  ~FrameRef() {
    if (frame_ != nullptr) frame_->Release();
  }

  explicit operator bool() const { return frame_ != nullptr; }
  const Frame& operator*() const { return *frame_; }
  const Frame* operator->() const { return frame_; }

 private:
  friend class FrameBuilder;
  explicit FrameRef(const Frame* adopted) : frame_(adopted) {}

  const Frame* frame_ = nullptr;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_WIRE_FRAME_H_
