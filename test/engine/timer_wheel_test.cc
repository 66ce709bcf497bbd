#include "src/hub/timer_wheel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "test/engine/choices.h"
#include "test/engine/timer_wheel_check.h"

namespace stream_llm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

constexpr uint64_t kYear = uint64_t{365} * 24 * 3600 * 1000;

std::vector<Timer*> Due(TimerWheel* wheel, uint64_t now) {
  std::vector<Timer*> due;
  while (Timer* const timer = wheel->Advance(now)) due.push_back(timer);
  return due;
}

TEST(TimerWheelTest, HasNothingToDoWithoutTimers) {
  TimerWheel wheel(1000);
  EXPECT_EQ(wheel.NextWakeUp(), std::nullopt);
  EXPECT_THAT(Due(&wheel, 1000 + 100 * kYear), IsEmpty());
}

TEST(TimerWheelTest, ReturnsATimerAtItsDeadlineAndNotBefore) {
  TimerWheel wheel(1000);
  Timer timer;
  wheel.Schedule(&timer, 1500);
  EXPECT_TRUE(timer.scheduled());
  EXPECT_EQ(timer.deadline(), 1500U);
  EXPECT_THAT(Due(&wheel, 1499), IsEmpty());
  EXPECT_THAT(Due(&wheel, 1500), ElementsAre(&timer));
  EXPECT_FALSE(timer.scheduled());
  EXPECT_THAT(Due(&wheel, 5000), IsEmpty());
}

TEST(TimerWheelTest, ReturnsEachTimerOnTimeAtEveryDistance) {
  for (const uint64_t start : {uint64_t{0}, uint64_t{63}, uint64_t{4095}, 50 * kYear + 12345}) {
    for (uint64_t distance = 1; distance < kYear; distance += 1 + distance / 5) {
      TimerWheel wheel(start);
      Timer timer;
      wheel.Schedule(&timer, start + distance);
      ASSERT_THAT(Due(&wheel, start + distance - 1), IsEmpty()) << start << " + " << distance;
      ASSERT_THAT(Due(&wheel, start + distance), ElementsAre(&timer)) << start << " + " << distance;
    }
  }
}

TEST(TimerWheelTest, ReturnsTimersThatAreDueTogetherOneByOne) {
  TimerWheel wheel(0);
  Timer first;
  Timer second;
  Timer later;
  wheel.Schedule(&second, 20);
  wheel.Schedule(&first, 10);
  wheel.Schedule(&later, 31);
  EXPECT_THAT(Due(&wheel, 30), ElementsAre(&first, &second));
  EXPECT_THAT(Due(&wheel, 31), ElementsAre(&later));
}

TEST(TimerWheelTest, TakesADeadlineThatHasPassedForTheNextMillisecond) {
  TimerWheel wheel(1000);
  Timer timer;
  for (const uint64_t deadline : {0, 999, 1000}) {
    wheel.Schedule(&timer, deadline);
    EXPECT_EQ(timer.deadline(), 1001U);
  }
  EXPECT_THAT(Due(&wheel, 1000), IsEmpty());
  EXPECT_THAT(Due(&wheel, 1001), ElementsAre(&timer));
}

TEST(TimerWheelTest, MovesATimerThatIsScheduledAgain) {
  TimerWheel wheel(0);
  Timer timer;
  wheel.Schedule(&timer, 100);
  wheel.Schedule(&timer, 5000);
  EXPECT_THAT(Due(&wheel, 4999), IsEmpty());
  wheel.Schedule(&timer, 5500);
  wheel.Schedule(&timer, 5100);
  EXPECT_THAT(Due(&wheel, 5100), ElementsAre(&timer));
  EXPECT_THAT(Due(&wheel, 10000), IsEmpty());
}

TEST(TimerWheelTest, ForgetsATimerThatIsCancelled) {
  TimerWheel wheel(0);
  Timer timer;
  wheel.Schedule(&timer, 100);
  wheel.Cancel(&timer);
  EXPECT_FALSE(timer.scheduled());
  EXPECT_EQ(wheel.NextWakeUp(), std::nullopt);
  EXPECT_THAT(Due(&wheel, 1000), IsEmpty());
  wheel.Cancel(&timer);
}

TEST(TimerWheelTest, KeepsTheNeighboursOfATimerThatIsCancelled) {
  TimerWheel wheel(0);
  std::array<Timer, 3> timers;
  for (Timer& timer : timers) wheel.Schedule(&timer, 5000);
  wheel.Cancel(&timers[1]);
  EXPECT_THAT(Due(&wheel, 5000), testing::UnorderedElementsAre(&timers.front(), &timers.back()));
}

TEST(TimerWheelTest, LetsTimersBeScheduledCancelledAndDestroyedBetweenThoseThatAreDue) {
  TimerWheel wheel(0);
  auto destroyed = std::make_unique<Timer>();
  Timer first;
  Timer cancelled;
  wheel.Schedule(&first, 10);
  wheel.Schedule(&cancelled, 20);
  wheel.Schedule(destroyed.get(), 20);
  ASSERT_EQ(wheel.Advance(100), &first);
  wheel.Cancel(&cancelled);
  wheel.Cancel(destroyed.get());
  destroyed.reset();
  wheel.Schedule(&first, 50);
  ASSERT_EQ(wheel.Advance(100), &first);
  wheel.Schedule(&first, 200);
  EXPECT_EQ(wheel.Advance(100), nullptr);
  EXPECT_THAT(Due(&wheel, 200), ElementsAre(&first));
}

TEST(TimerWheelTest, WakesUpAtTheDeadlineItselfWhenItIsNear) {
  TimerWheel wheel(128);
  Timer timer;
  wheel.Schedule(&timer, 150);
  EXPECT_THAT(wheel.NextWakeUp(), Optional(150U));
}

TEST(TimerWheelTest, WakesUpSeldomBeforeAFarDeadline) {
  TimerWheel wheel(987654321);
  Timer timer;
  const uint64_t deadline = 987654321 + 60 * kYear;
  wheel.Schedule(&timer, deadline);
  std::vector<Timer*> due;
  size_t wake_ups = 0;
  while (due.empty()) {
    ASSERT_LE(++wake_ups, 8U);
    const uint64_t wake_up = wheel.NextWakeUp().value();
    ASSERT_LE(wake_up, deadline);
    due = Due(&wheel, wake_up);
  }
  EXPECT_THAT(due, ElementsAre(&timer));
  EXPECT_EQ(wheel.NextWakeUp(), std::nullopt);
}

TEST(TimerWheelTest, KeepsDeadlinesBeyondItsHorizon) {
  TimerWheel wheel(7);
  Timer timer;
  const uint64_t deadline = 7 + 10000 * kYear;
  wheel.Schedule(&timer, deadline);
  EXPECT_EQ(timer.deadline(), deadline);
  EXPECT_THAT(Due(&wheel, deadline - 1), IsEmpty());
  EXPECT_THAT(Due(&wheel, deadline), ElementsAre(&timer));
}

TEST(TimerWheelTest, MovesManyTimersOfAFarSlotToTheirOwnMilliseconds) {
  TimerWheel wheel(0);
  std::vector<Timer> timers(4096);
  for (size_t i = 0; i < timers.size(); ++i) wheel.Schedule(&timers[i], 8192 + i);
  for (size_t i = 0; i < timers.size(); ++i) {
    ASSERT_THAT(Due(&wheel, 8192 + i), ElementsAre(&timers[i])) << i;
  }
}

class TimerWheelModelTest : public testing::TestWithParam<uint64_t> {};

TEST_P(TimerWheelModelTest, AgreesWithAMultimap) {
  SeededChoices choices(GetParam(), 20000);
  TimerWheelCheck(&choices, 1 + GetParam() * 7).Run();
}

INSTANTIATE_TEST_SUITE_P(Seeds, TimerWheelModelTest, testing::Range<uint64_t>(0, 8));

}  // namespace
}  // namespace stream_llm
