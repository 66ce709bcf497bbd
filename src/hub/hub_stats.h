#ifndef STREAM_LLM_HUB_HUB_STATS_H_
#define STREAM_LLM_HUB_HUB_STATS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "src/hub/sink.h"

namespace stream_llm {

// A count that one thread writes and any thread may read.
class Counter {
 public:
  void Add(uint64_t count) { value_.store(value() + count, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

// What a Hub has done since it was made.
struct HubStats {
  Counter opened;     // Sessions.
  Counter freed;      // Sessions, for whatever reason.
  Counter frames;     // Frames whose last byte has left, counted once for each session.
  Counter bytes;      // Bytes that have left.
  Counter sends;      // Times that bytes were sent or taken.
  Counter coalesced;  // Frames that left together with an earlier one.
  Counter blocked;    // Times that a sink took no more.
  Counter dropped;    // Events dropped for slow consumers, counted once for each session.
  std::array<Counter, kCloseReasons> closed;  // Sessions the Hub gave up, by CloseReason.
};

}  // namespace stream_llm

#endif  // STREAM_LLM_HUB_HUB_STATS_H_
