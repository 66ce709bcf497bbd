#ifndef STREAM_LLM_HUB_TIMER_WHEEL_H_
#define STREAM_LLM_HUB_TIMER_WHEEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace stream_llm {

class TimerWheel;

// One deadline in a wheel. Embedded in what it times: scheduling allocates nothing.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  // Must not be scheduled any more when it is destroyed.
  ~Timer() = default;

  bool scheduled() const { return next_ != nullptr; }
  // Milliseconds; meaningful while scheduled.
  uint64_t deadline() const { return deadline_; }

 private:
  friend class TimerWheel;

  void Link(Timer* before);
  void Unlink();

  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  uint64_t deadline_ = 0;
  uint16_t slot_ = 0;
};

// Timers by the millisecond: scheduling and cancelling take constant time, however many there are.
// A hierarchical wheel (Varghese and Lauck, 1987): level n has 64 slots of 64^n ms each, and a
// timer moves down a level when its slot comes up.
//
// Not thread-safe. Has no clock: `now` is milliseconds of any steady clock, passed in.
class TimerWheel {
 public:
  explicit TimerWheel(uint64_t now);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Schedules or moves a timer. A deadline that has passed is due at the next millisecond.
  void Schedule(Timer* timer, uint64_t deadline);
  // Does nothing when the timer is not scheduled.
  void Cancel(Timer* timer);

  // When Advance() has work to do next: the first deadline, or earlier, when timers have to move
  // down.
  std::optional<uint64_t> NextWakeUp() const;

  // Moves to `now` and returns a timer that is due, no longer scheduled, or null when there is none
  // left. Call until null; between the calls any timer may be scheduled, cancelled or destroyed.
  Timer* Advance(uint64_t now);

 private:
  static constexpr unsigned kSlotBits = 6;
  static constexpr unsigned kSlots = 1U << kSlotBits;
  static constexpr unsigned kLevels = 7;
  static constexpr uint64_t kHorizon = 1ULL << (kSlotBits * kLevels);  // 139 years.

  struct WakeUp {
    uint64_t time;
    unsigned level;
    unsigned slot;
  };

  std::optional<WakeUp> FindWakeUp() const;
  void Insert(Timer* timer);

  uint64_t now_;
  std::array<uint64_t, kLevels> occupied_{};           // One bit for each slot that has timers.
  std::array<Timer, size_t{kLevels} * kSlots> slots_;  // Heads of circular lists.
};

}  // namespace stream_llm

#endif  // STREAM_LLM_HUB_TIMER_WHEEL_H_
