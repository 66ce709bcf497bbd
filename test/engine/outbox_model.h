#ifndef STREAM_LLM_TEST_ENGINE_OUTBOX_MODEL_H_
#define STREAM_LLM_TEST_ENGINE_OUTBOX_MODEL_H_

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <deque>
#include <numeric>
#include <string>
#include <string_view>

#include "src/hub/outbox.h"

namespace stream_llm {

// The limit into which exactly so many frames fit that have so many bytes together.
constexpr size_t RoomFor(size_t bytes, size_t frames) {
  return bytes + frames * Outbox::kFrameOverhead;
}

// The bytes of a frame on the wire, worked out without Frame.
inline std::string Framed(std::string_view body, Framing framing) {
  if (body.empty() || framing == Framing::kRaw) return std::string(body);
  char digits[16];
  char* const end = std::to_chars(digits, digits + sizeof digits, body.size(), 16).ptr;
  return std::string(digits, end).append("\r\n").append(body).append("\r\n");
}

// What Outbox does, with strings and without regard to cost.
class OutboxModel {
 public:
  OutboxModel(size_t max_bytes, SlowConsumer policy, Framing framing)
      : max_bytes_(max_bytes), policy_(policy), framing_(framing) {}

  size_t frame_count() const { return frames_.size(); }
  size_t bytes() const { return waiting().size(); }
  // What counts for the limit.
  size_t cost() const { return bytes() + frame_count() * Outbox::kFrameOverhead; }
  std::string waiting() const {
    return std::accumulate(frames_.begin(), frames_.end(), std::string());
  }

  bool Fits(std::string_view body) const {
    const size_t frame = Framed(body, framing_).size() + Outbox::kFrameOverhead;
    return frames_.empty() || cost() + frame <= max_bytes_;
  }

  Outbox::Admission Append(std::string_view body) {
    const std::string frame = Framed(body, framing_);
    Outbox::Admission admission;
    if (frame.empty()) return admission;
    largest_ = std::max(largest_, frame.size());
    if (!Fits(body)) {
      if (policy_ == SlowConsumer::kDisconnect) return {.overflow = true};
      if (policy_ == SlowConsumer::kDropNewest) return {.dropped = 1};
      const size_t kept = started_ ? 1 : 0;
      while (!Fits(body) && frames_.size() > kept) {
        frames_.erase(frames_.begin() + (started_ ? 1 : 0));
        ++admission.dropped;
      }
    }
    frames_.push_back(frame);
    return admission;
  }

  // Returns how many frames were done.
  size_t Consume(size_t count) {
    size_t done = 0;
    while (count != 0) {
      const size_t part = std::min(count, frames_.front().size());
      frames_.front().erase(0, part);
      count -= part;
      started_ = !frames_.front().empty();
      if (started_) continue;
      frames_.pop_front();
      ++done;
    }
    return done;
  }

  // The most that cost() may be, by Outbox's promise.
  size_t Bound() const {
    const size_t rest = started_ ? frames_.front().size() + Outbox::kFrameOverhead : 0;
    return std::max(max_bytes_, largest_ + Outbox::kFrameOverhead) + rest;
  }

 private:
  const size_t max_bytes_;
  const SlowConsumer policy_;
  const Framing framing_;
  std::deque<std::string> frames_;  // Without what has been sent of the first.
  bool started_ = false;            // A part of the first has been sent.
  size_t largest_ = 0;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_OUTBOX_MODEL_H_
