#ifndef STREAM_LLM_BENCH_CLIENT_RESPONSE_DECODER_H_
#define STREAM_LLM_BENCH_CLIENT_RESPONSE_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace stream_llm::bench {

// Takes one HTTP/1.1 response apart, as it comes in pieces of any size: its head, then its body
// without the chunk framing (RFC 9112, section 7.1).
class ResponseDecoder {
 public:
  enum class State : uint8_t {
    kHead,
    kIdentity,
    kChunkSize,
    kChunkData,
    kChunkEnd,
    kEnded,
    kFailed
  };

  // Calls `sink(std::string_view)` with each piece of the body within `bytes`, in order.
  template <typename Sink>
  void Feed(std::string_view bytes, Sink sink);

  bool has_head() const { return state_ != State::kHead && state_ != State::kFailed; }
  bool failed() const { return state_ == State::kFailed; }
  bool ended() const { return state_ == State::kEnded; }
  // The status line when the response is not a 200, for an error message.
  const std::string& head() const { return head_; }

 private:
  // Each takes what it can of `bytes` and returns how much.
  size_t FeedHead(std::string_view bytes);
  size_t FeedChunkSize(std::string_view bytes);
  size_t FeedChunkEnd(std::string_view bytes);

  State state_ = State::kHead;
  uint64_t left_ = 0;       // Of the chunk, or of its size line's digits.
  bool has_digit_ = false;  // In the chunk's size line.
  bool in_extension_ = false;
  std::string head_;
};

template <typename Sink>
void ResponseDecoder::Feed(std::string_view bytes, Sink sink) {
  while (!bytes.empty()) {
    size_t taken = bytes.size();
    switch (state_) {
      case State::kHead:
        taken = FeedHead(bytes);
        break;
      case State::kChunkSize:
        taken = FeedChunkSize(bytes);
        break;
      case State::kChunkData:
        if (left_ < taken) taken = static_cast<size_t>(left_);
        sink(bytes.substr(0, taken));
        left_ -= taken;
        if (left_ == 0) state_ = State::kChunkEnd;
        break;
      case State::kChunkEnd:
        taken = FeedChunkEnd(bytes);
        break;
      case State::kIdentity:
        sink(bytes);
        break;
      case State::kEnded:
      case State::kFailed:
        return;
    }
    bytes.remove_prefix(taken);
  }
}

}  // namespace stream_llm::bench

#endif  // STREAM_LLM_BENCH_CLIENT_RESPONSE_DECODER_H_
