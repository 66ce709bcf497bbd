#ifndef STREAM_LLM_HUB_HISTORY_H_
#define STREAM_LLM_HUB_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "src/wire/frame.h"

namespace stream_llm {

struct HistoryLimits {
  size_t max_events = std::numeric_limits<size_t>::max();
  size_t max_bytes = std::numeric_limits<size_t>::max();
  uint64_t max_age_ms = 0;  // 0: no limit.
};

// The events of a channel that were sent last, oldest first, for those that come back for them.
//
// Events are numbered from 1 without a gap, and held are those from first() until, not including,
// end(). Each has the id that clients know it by, and a place in an order that ids of other events
// have one in too; that order must increase.
//
// Bound: `max_events` events, `max_bytes` bytes, where each event counts its id and kEntryOverhead
// beside its own, and `max_age_ms` as soon as Evict() is called. What does not fit pushes out the
// oldest; an event that is larger than all pushes out itself as well.
//
// Not thread-safe. Has no clock: `now` is milliseconds of a steady clock, and never less than in an
// earlier call. Shares the frames with the outboxes that they were sent to.
class History {
 public:
  struct Entry {
    FrameRef frame;
    std::string id;
    uint64_t order;
    uint64_t kept_at;
  };

  // What an event takes beside its bytes and its id: the frame's head, the entry, its place in the
  // index, what the allocator adds.
  static constexpr size_t kEntryOverhead = 192;

  explicit History(const HistoryLimits& limits) : limits_(limits) {}
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  // Of events with the same id, SequenceOf() finds the last.
  void Append(const FrameRef& frame, std::string_view id, uint64_t order, uint64_t now);
  // Lets go of what is too old.
  void Evict(uint64_t now);
  void Clear();

  uint64_t first() const { return first_; }
  uint64_t end() const { return first_ + entries_.size(); }
  size_t bytes() const { return bytes_; }
  // The order of the last event that was let go of; 0 when none was.
  uint64_t evicted_order() const { return evicted_order_; }
  // When Evict() has something to do next.
  std::optional<uint64_t> NextExpiry() const;

  // `sequence` must be held.
  const Entry& operator[](uint64_t sequence) const { return entries_[sequence - first_]; }
  // In constant time.
  std::optional<uint64_t> SequenceOf(std::string_view id) const;
  // The first event whose order is greater, or end(). In logarithmic time.
  uint64_t FirstAfter(uint64_t order) const;

 private:
  static size_t CostOf(const Entry& entry) {
    return entry.frame->body().size() + entry.id.size() + kEntryOverhead;
  }
  void PopFront();

  const HistoryLimits limits_;
  std::deque<Entry> entries_;
  // The views are of the ids in `entries_`, which stay where they are until they are popped.
  std::unordered_map<std::string_view, uint64_t> index_;
  uint64_t first_ = 1;
  uint64_t evicted_order_ = 0;
  size_t bytes_ = 0;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_HUB_HISTORY_H_
