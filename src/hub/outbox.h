#ifndef STREAM_LLM_HUB_OUTBOX_H_
#define STREAM_LLM_HUB_OUTBOX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "src/hub/frame_queue.h"
#include "src/wire/frame.h"

namespace stream_llm {

// Whether a session's bytes stand inside HTTP/1.1 chunks or as they are.
enum class Framing : uint8_t { kRaw, kChunked };

// What happens to an event that would take an outbox over its limit.
enum class SlowConsumer : uint8_t { kDisconnect, kDropOldest, kDropNewest };

// The frames that wait to be sent to one session, oldest first.
//
// Bound: at most max(max_bytes, the largest single event) bytes wait, plus the rest of an event of
// which a part has been sent, where each event counts kFrameOverhead bytes beside its own. An event
// that finds nothing waiting is always accepted: otherwise one larger than the limit could never be
// sent, to clients that keep up as little as to others.
//
// Not thread-safe: belongs to the thread of its Hub.
class Outbox {
 public:
  struct Admission {
    bool overflow = false;  // The policy says to disconnect; the frame was not taken.
    uint32_t dropped = 0;   // How many events were dropped, the new one included.
  };

  // What a frame takes beside its bytes: its head, its place in the queue, what the allocator adds.
  // Without it, small events would take several times the limit.
  static constexpr size_t kFrameOverhead = 64;

  Outbox(size_t max_bytes, SlowConsumer policy, Framing framing)
      : max_bytes_(max_bytes), policy_(policy), framing_(framing) {}
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  bool empty() const { return frames_.empty(); }
  // What is on its way to the client, without kFrameOverhead.
  size_t bytes() const { return bytes_; }
  size_t frame_count() const { return frames_.size(); }

  // Whether Append() would take the frame without the policy.
  bool Fits(const FrameRef& frame) const { return Fits(BytesOf(frame).size()); }
  Admission Append(const FrameRef& frame);

  // Fills `pieces` with what comes next on the wire and returns how many were filled. They stay
  // valid until the next Append() or Consume().
  size_t Gather(std::span<std::string_view> pieces) const;

  // Removes the first `count` bytes, which have been sent. Returns how many frames are done.
  size_t Consume(size_t count);

 private:
  std::string_view BytesOf(const FrameRef& frame) const {
    return framing_ == Framing::kChunked ? frame->chunk() : frame->body();
  }
  bool Fits(size_t size) const {
    return frames_.empty() || bytes_ + size + (frames_.size() + 1) * kFrameOverhead <= max_bytes_;
  }
  uint32_t DropOldestUntilFits(size_t size);

  FrameQueue frames_;
  size_t bytes_ = 0;
  size_t sent_of_first_ = 0;
  const size_t max_bytes_;
  const SlowConsumer policy_;
  const Framing framing_;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_HUB_OUTBOX_H_
