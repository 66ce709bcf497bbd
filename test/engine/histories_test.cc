#include "src/hub/histories.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "src/wire/event_writer.h"

namespace stream_llm {
namespace {

class HistoriesTest : public testing::Test {
 protected:
  bool Keep(ChannelId channel, std::string_view text) {
    return histories_.Keep(channel, FormatRaw(text), text, ++order_, now_);
  }
  std::string Held(ChannelId channel) const {
    const History* const history = histories_.Find(channel);
    if (history == nullptr) return "none";
    std::string held;
    for (uint64_t i = history->first(); i < history->end(); ++i) held += (*history)[i].id;
    return held;
  }

  uint64_t now_ = 1000;
  uint64_t order_ = 0;
  Histories histories_{now_};
};

TEST_F(HistoriesTest, KeepOnlyForChannelsThatHaveOne) {
  histories_.Open(1, {});
  EXPECT_FALSE(Keep(1, "a"));
  EXPECT_FALSE(Keep(2, "b"));
  EXPECT_EQ(Held(1), "a");
  EXPECT_EQ(Held(2), "none");
  EXPECT_EQ(histories_.size(), 1U);
}

TEST_F(HistoriesTest, SayWhenTheOldestEventIsTooOld) {
  histories_.Open(1, {.max_age_ms = 300});
  histories_.Open(2, {.max_age_ms = 100});
  EXPECT_EQ(histories_.NextWakeUp(), std::nullopt);
  EXPECT_TRUE(Keep(1, "a"));
  EXPECT_TRUE(Keep(2, "b"));
  EXPECT_FALSE(Keep(2, "c"));
  // The wheel may want to move timers down before.
  EXPECT_LE(histories_.NextWakeUp(), 1100U);
}

TEST_F(HistoriesTest, LetGoOfWhatIsTooOldThoughNobodyAsks) {
  histories_.Open(1, {.max_age_ms = 100});
  Keep(1, "a");
  now_ = 1050;
  Keep(1, "b");
  histories_.Advance(1099);
  EXPECT_EQ(Held(1), "ab");
  histories_.Advance(1100);
  EXPECT_EQ(Held(1), "b");
  histories_.Advance(1150);
  EXPECT_EQ(Held(1), "");
  EXPECT_EQ(histories_.NextWakeUp(), std::nullopt);
  now_ = 2000;
  EXPECT_TRUE(Keep(1, "c"));
  histories_.Advance(2100);
  EXPECT_EQ(Held(1), "");
}

TEST_F(HistoriesTest, WakeUpAgainWhereTheOldestWentForLackOfRoom) {
  histories_.Open(1, {.max_events = 1, .max_age_ms = 100});
  Keep(1, "a");
  now_ = 1090;
  EXPECT_FALSE(Keep(1, "b"));
  histories_.Advance(1100);
  EXPECT_EQ(Held(1), "b");
  EXPECT_LE(histories_.NextWakeUp(), 1190U);
  histories_.Advance(1190);
  EXPECT_EQ(Held(1), "");
}

TEST_F(HistoriesTest, NeedNoTimerForWhatHasNoAge) {
  histories_.Open(1, {.max_events = 1});
  EXPECT_FALSE(Keep(1, "a"));
  EXPECT_EQ(histories_.NextWakeUp(), std::nullopt);
  histories_.Open(2, {.max_bytes = 1, .max_age_ms = 100});
  EXPECT_FALSE(Keep(2, "larger than all"));
  EXPECT_EQ(histories_.NextWakeUp(), std::nullopt);
}

TEST_F(HistoriesTest, AreClosedWithTheirTimers) {
  histories_.Open(1, {.max_age_ms = 100});
  Keep(1, "a");
  histories_.Close(1);
  histories_.Close(1);
  EXPECT_EQ(Held(1), "none");
  EXPECT_EQ(histories_.NextWakeUp(), std::nullopt);
  histories_.Advance(5000);
  histories_.Open(1, {});
  EXPECT_EQ(Held(1), "");
}

// For the wheel, which must be empty when it is destroyed.
TEST_F(HistoriesTest, MayBeDestroyedWhileTheyHoldSomething) {
  Histories histories(now_);
  histories.Open(1, {.max_age_ms = 100});
  histories.Keep(1, FormatRaw("a"), "a", 1, now_);
}

}  // namespace
}  // namespace stream_llm
