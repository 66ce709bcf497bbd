#ifndef STREAM_LLM_TEST_ENGINE_TIMER_WHEEL_CHECK_H_
#define STREAM_LLM_TEST_ENGINE_TIMER_WHEEL_CHECK_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "src/hub/timer_wheel.h"
#include "test/engine/choices.h"

namespace stream_llm {

// Runs a TimerWheel and a multimap of deadlines side by side; throws where they differ.
class TimerWheelCheck {
 public:
  TimerWheelCheck(Choices* choices, size_t timers)
      : choices_(*choices), now_(ChooseStart()), wheel_(now_) {
    for (size_t i = 0; i < timers; ++i) Add(std::make_unique<Timer>());
  }

  void Run() {
    while (choices_.More()) {
      ++step_;
      if (choices_.OneIn(3)) {
        Advance();
      } else {
        Change(now_);
      }
      CompareWakeUp();
    }
    for (const auto& [timer, owned] : timers_) wheel_.Cancel(timer);
    Expect(!wheel_.NextWakeUp(), "a wake-up without timers");
  }

 private:
  void Expect(bool condition, const char* what) const {
    if (!condition) Require(false, "step " + std::to_string(step_) + ": " + what);
  }

  // Clocks start anywhere.
  uint64_t ChooseStart() {
    return choices_.OneIn(2) ? choices_.Below(100) : choices_.Below(uint64_t{1} << 50);
  }

  // From the next millisecond to centuries ahead, with the edges of the wheel's levels.
  uint64_t ChooseDistance() {
    constexpr uint64_t kYear = uint64_t{365} * 24 * 3600 * 1000;
    switch (choices_.Below(8)) {
      case 0:
        return choices_.Below(4);
      case 1:
        return choices_.Below(70);
      case 2:
        return choices_.Below(5000);
      case 3:
        return choices_.Below(40000);
      case 4:
        return choices_.Below(kYear);
      case 5:
        return choices_.Below(400 * kYear);
      default: {
        const uint64_t edge = uint64_t{1} << 6 * choices_.Below(8);
        return edge + choices_.Below(3) - 1;
      }
    }
  }

  void Add(std::unique_ptr<Timer> timer) {
    Timer* const key = timer.get();
    timers_.emplace(key, std::move(timer));
  }

  Timer* ChooseTimer() {
    auto position = timers_.begin();
    std::advance(position, choices_.Below(timers_.size()));
    return position->first;
  }

  // Schedules, moves, cancels or replaces a timer. A deadline up to `elapsed` has passed.
  void Change(uint64_t elapsed) {
    Timer* const timer = ChooseTimer();
    switch (choices_.Below(6)) {
      case 0:
        wheel_.Cancel(timer);
        Forget(timer);
        break;
      case 1:
        wheel_.Cancel(timer);
        Forget(timer);
        timers_.erase(timer);
        Add(std::make_unique<Timer>());
        return;
      default:
        Schedule(timer, elapsed, now_ + ChooseDistance());
    }
    CompareTimer(timer);
  }

  void Schedule(Timer* timer, uint64_t elapsed, uint64_t deadline) {
    if (choices_.OneIn(10)) deadline = choices_.Below(now_ + 1);
    wheel_.Schedule(timer, deadline);
    Forget(timer);
    deadlines_.emplace(std::max(deadline, elapsed + 1), timer);
  }

  void Forget(const Timer* timer) {
    std::erase_if(deadlines_, [=](const auto& entry) { return entry.second == timer; });
  }

  void Advance() {
    now_ = ChooseNextNow();
    uint64_t elapsed = 0;
    size_t changes = 20;
    while (Timer* const timer = wheel_.Advance(now_)) {
      Expect(!timer->scheduled(), "a timer is due and still scheduled");
      const auto position = std::find_if(deadlines_.begin(), deadlines_.end(),
                                         [=](const auto& entry) { return entry.second == timer; });
      Expect(position != deadlines_.end(), "a timer is due that was not scheduled");
      Expect(position->first <= now_, "a timer is due too early");
      Expect(position->first >= elapsed, "an earlier timer is due after a later one");
      elapsed = position->first;
      deadlines_.erase(position);
      // Only so often: one that is always set to a time that has passed would fire every ms.
      if (changes != 0 && choices_.OneIn(2)) {
        --changes;
        Change(elapsed);
      }
    }
    Expect(deadlines_.empty() || deadlines_.begin()->first > now_, "a timer is late");
  }

  uint64_t ChooseNextNow() {
    if (!deadlines_.empty() && choices_.OneIn(2)) {
      const uint64_t first = deadlines_.begin()->first;
      return std::max(now_, first - choices_.Below(2));
    }
    if (choices_.OneIn(4)) return std::max(now_, wheel_.NextWakeUp().value_or(now_));
    return now_ + ChooseDistance();
  }

  void CompareTimer(const Timer* timer) const {
    const auto position = std::find_if(deadlines_.begin(), deadlines_.end(),
                                       [=](const auto& entry) { return entry.second == timer; });
    Expect(timer->scheduled() == (position != deadlines_.end()), "scheduled");
    if (timer->scheduled()) Expect(timer->deadline() == position->first, "deadline");
  }

  void CompareWakeUp() const {
    const auto wake_up = wheel_.NextWakeUp();
    Expect(wake_up.has_value() == !deadlines_.empty(), "whether there is a wake-up");
    if (!wake_up) return;
    Expect(*wake_up <= deadlines_.begin()->first, "a wake-up after the first deadline");
    Expect(*wake_up > now_, "a wake-up in the past");
  }

  Choices& choices_;
  uint64_t now_;
  TimerWheel wheel_;
  std::map<Timer*, std::unique_ptr<Timer>> timers_;
  std::multimap<uint64_t, Timer*> deadlines_;
  size_t step_ = 0;
};

}  // namespace stream_llm

#endif  // STREAM_LLM_TEST_ENGINE_TIMER_WHEEL_CHECK_H_
