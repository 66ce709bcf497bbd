#include "src/hub/outbox.h"

#include <cassert>

namespace stream_llm {

Outbox::Admission Outbox::Append(const FrameRef& frame) {
  const size_t size = BytesOf(frame).size();
  if (size == 0) return {};
  Admission admission;
  if (!Fits(size)) {
    if (policy_ == SlowConsumer::kDisconnect) return {.overflow = true};
    if (policy_ == SlowConsumer::kDropNewest) return {.dropped = 1};
    admission.dropped = DropOldestUntilFits(size);
  }
  frames_.PushBack(frame);
  bytes_ += size;
  return admission;
}

size_t Outbox::Gather(std::span<std::string_view> pieces) const {
  size_t filled = 0;
  for (size_t i = 0; i < frames_.size() && filled < pieces.size(); ++i) {
    std::string_view bytes = BytesOf(frames_[i]);
    if (i == 0) bytes.remove_prefix(sent_of_first_);
    pieces[filled++] = bytes;
  }
  return filled;
}

size_t Outbox::Consume(size_t count) {
  assert(count <= bytes_);
  bytes_ -= count;
  sent_of_first_ += count;
  size_t done = 0;
  while (!frames_.empty()) {
    const size_t size = BytesOf(frames_.front()).size();
    if (sent_of_first_ < size) break;
    sent_of_first_ -= size;
    frames_.PopFront();
    ++done;
  }
  return done;
}

// Or until nothing is left to drop. The first frame stays when a part of it has been sent: the rest
// of it must follow.
uint32_t Outbox::DropOldestUntilFits(size_t size) {
  const size_t kept = sent_of_first_ == 0 ? 0 : 1;
  uint32_t dropped = 0;
  while (frames_.size() > kept && !Fits(size)) {
    bytes_ -= BytesOf(frames_[kept]).size();
    frames_.Erase(kept);
    ++dropped;
  }
  return dropped;
}

}  // namespace stream_llm
