#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "src/hub/timer_wheel.h"

namespace stream_llm {
namespace {

constexpr size_t kTimers = 100000;
constexpr uint64_t kPeriod = 10000;  // The default keep-alive.

// 100 000 timers whose deadlines are spread over a period.
struct Fixture {
  Fixture() : wheel(0), timers(kTimers) {
    for (size_t i = 0; i < kTimers; ++i) wheel.Schedule(&timers[i], 1 + i % kPeriod);
  }

  TimerWheel wheel;
  std::vector<Timer> timers;
};

void Schedule(benchmark::State& state) {
  Fixture fixture;
  std::minstd_rand random;
  for ([[maybe_unused]] auto _ : state) {
    const uint64_t number = random();
    fixture.wheel.Schedule(&fixture.timers[number % kTimers], 1 + number % kPeriod);
  }
  state.SetItemsProcessed(state.iterations());
}

void CancelAndSchedule(benchmark::State& state) {
  Fixture fixture;
  std::minstd_rand random;
  for ([[maybe_unused]] auto _ : state) {
    const uint64_t number = random();
    Timer* const timer = &fixture.timers[number % kTimers];
    fixture.wheel.Cancel(timer);
    fixture.wheel.Schedule(timer, 1 + number % kPeriod);
  }
  state.SetItemsProcessed(state.iterations());
}

// Keep-alives: each timer that is due is set again, one period later. One iteration is `range(0)`
// ms; an item is a timer that was due.
void AdvanceAndScheduleAgain(benchmark::State& state) {
  Fixture fixture;
  uint64_t now = 0;
  int64_t due = 0;
  for ([[maybe_unused]] auto _ : state) {
    now += static_cast<uint64_t>(state.range(0));
    while (Timer* const timer = fixture.wheel.Advance(now)) {
      fixture.wheel.Schedule(timer, timer->deadline() + kPeriod);
      ++due;
    }
  }
  state.SetItemsProcessed(due);
}

void NextWakeUp(benchmark::State& state) {
  const Fixture fixture;
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(fixture.wheel.NextWakeUp());
}

BENCHMARK(Schedule);
BENCHMARK(CancelAndSchedule);
BENCHMARK(AdvanceAndScheduleAgain)->Arg(1)->Arg(100);
BENCHMARK(NextWakeUp);

}  // namespace
}  // namespace stream_llm
