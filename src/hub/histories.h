#ifndef STREAM_LLM_HUB_HISTORIES_H_
#define STREAM_LLM_HUB_HISTORIES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "src/hub/history.h"
#include "src/hub/session.h"
#include "src/hub/timer_wheel.h"
#include "src/wire/frame.h"

namespace stream_llm {

// The histories of those channels that have one. What is too old goes when Advance() is called,
// though nobody asks for it: one timer in a wheel for each history that holds something.
//
// Not thread-safe, and without a clock, as History. What names a channel without a history does
// nothing.
class Histories {
 public:
  explicit Histories(uint64_t now) : timers_(now) {}
  Histories(const Histories&) = delete;
  Histories& operator=(const Histories&) = delete;
  ~Histories();

  // The channel must have none.
  void Open(ChannelId channel, const HistoryLimits& limits);
  void Close(ChannelId channel);
  // Null when there is none. Until it is closed.
  History* Find(ChannelId channel) const;

  // Returns whether NextWakeUp() may be earlier than it was.
  bool Keep(ChannelId channel, const FrameRef& frame, std::string_view id, uint64_t order,
            uint64_t now);

  void Advance(uint64_t now);
  std::optional<uint64_t> NextWakeUp() const { return timers_.NextWakeUp(); }

  size_t size() const { return histories_.size(); }

 private:
  struct Kept : Timer {
    explicit Kept(const HistoryLimits& limits) : history(limits) {}

    History history;
  };

  TimerWheel timers_;
  std::unordered_map<ChannelId, std::unique_ptr<Kept>> histories_;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_HUB_HISTORIES_H_
