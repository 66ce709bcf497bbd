#include "src/hub/history.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#include "src/wire/event_writer.h"
#include "test/engine/choices.h"
#include "test/engine/history_check.h"

namespace stream_llm {
namespace {

// Each event has the body and the id that its letter says, and orders 10, 20, 30.
class HistoryTest : public testing::Test {
 protected:
  void Append(History* history, std::string_view letters) {
    for (const char letter : letters) {
      order_ += 10;
      history->Append(FormatRaw({&letter, 1}), {&letter, 1}, order_, now_);
    }
  }

  static std::string Contents(const History& history) {
    std::string contents;
    for (uint64_t i = history.first(); i < history.end(); ++i) contents += history[i].frame->body();
    return contents;
  }

  static constexpr size_t kCost = 1 + 1 + History::kEntryOverhead;
  uint64_t now_ = 1000;
  uint64_t order_ = 0;
};

TEST_F(HistoryTest, HoldsNothingAtFirst) {
  const History history({});
  EXPECT_EQ(history.first(), 1U);
  EXPECT_EQ(history.end(), 1U);
  EXPECT_EQ(history.bytes(), 0U);
  EXPECT_EQ(history.evicted_order(), 0U);
  EXPECT_EQ(history.SequenceOf("a"), std::nullopt);
  EXPECT_EQ(history.FirstAfter(0), 1U);
  EXPECT_EQ(history.NextExpiry(), std::nullopt);
}

TEST_F(HistoryTest, NumbersEventsInTheOrderTheyCame) {
  History history({});
  Append(&history, "abc");
  EXPECT_EQ(Contents(history), "abc");
  EXPECT_EQ(history.SequenceOf("a"), 1U);
  EXPECT_EQ(history.SequenceOf("c"), 3U);
  EXPECT_EQ(history.SequenceOf("d"), std::nullopt);
  EXPECT_EQ(history[2].id, "b");
}

TEST_F(HistoryTest, SharesTheFramesInsteadOfCopyingThem) {
  History history({});
  const FrameRef frame = FormatRaw("shared");
  history.Append(frame, "id", 1, now_);
  EXPECT_EQ(&*history[1].frame, &*frame);
}

TEST_F(HistoryTest, LetsGoOfTheOldestWhenThereAreTooMany) {
  History history({.max_events = 2});
  Append(&history, "abcd");
  EXPECT_EQ(Contents(history), "cd");
  EXPECT_EQ(history.first(), 3U);
  EXPECT_EQ(history.evicted_order(), 20U);
  EXPECT_EQ(history.SequenceOf("b"), std::nullopt);
  EXPECT_EQ(history.SequenceOf("c"), 3U);
}

TEST_F(HistoryTest, CountsBytesIdsAndWhatAnEntryTakes) {
  History history({.max_bytes = 2 * kCost});
  Append(&history, "ab");
  EXPECT_EQ(history.bytes(), 2 * kCost);
  Append(&history, "c");
  EXPECT_EQ(Contents(history), "bc");
  EXPECT_EQ(history.bytes(), 2 * kCost);
  history.Append(FormatRaw("d"), "dd", 1000, now_);
  EXPECT_EQ(Contents(history), "d");
}

TEST_F(HistoryTest, DoesNotHoldAnEventThatIsLargerThanAll) {
  History history({.max_bytes = 2 * kCost});
  Append(&history, "ab");
  history.Append(FormatRaw(std::string(1000, 'x')), "x", 100, now_);
  EXPECT_EQ(Contents(history), "");
  EXPECT_EQ(history.bytes(), 0U);
  EXPECT_EQ(history.first(), 4U);
  EXPECT_EQ(history.evicted_order(), 100U);
  order_ = 100;
  Append(&history, "c");
  EXPECT_EQ(history.SequenceOf("c"), 4U);
}

TEST_F(HistoryTest, LetsGoOfWhatIsTooOldWhenItIsTouched) {
  History history({.max_age_ms = 100});
  Append(&history, "a");
  now_ += 60;
  Append(&history, "b");
  EXPECT_EQ(history.NextExpiry(), 1100U);
  history.Evict(1099);
  EXPECT_EQ(Contents(history), "ab");
  history.Evict(1100);
  EXPECT_EQ(Contents(history), "b");
  EXPECT_EQ(history.NextExpiry(), 1160U);
  now_ = 1160;
  Append(&history, "c");
  EXPECT_EQ(Contents(history), "c");
}

TEST_F(HistoryTest, HoldsForEverWithoutAnAge) {
  History history({});
  Append(&history, "a");
  history.Evict(uint64_t{1} << 60);
  EXPECT_EQ(Contents(history), "a");
}

TEST_F(HistoryTest, FindsTheFirstEventAfterAnOrder) {
  History history({.max_events = 3});
  Append(&history, "abcd");
  EXPECT_EQ(history.FirstAfter(0), 2U);
  EXPECT_EQ(history.FirstAfter(19), 2U);
  EXPECT_EQ(history.FirstAfter(20), 3U);
  EXPECT_EQ(history.FirstAfter(25), 3U);
  EXPECT_EQ(history.FirstAfter(40), history.end());
}

TEST_F(HistoryTest, FindsTheLastOfThoseWithTheSameIdAlsoWhenTheFirstHasGone) {
  History history({.max_events = 3});
  Append(&history, "aba");
  EXPECT_EQ(history.SequenceOf("a"), 3U);
  Append(&history, "c");
  EXPECT_EQ(Contents(history), "bac");
  EXPECT_EQ(history.SequenceOf("a"), 3U);
  Append(&history, "de");
  EXPECT_EQ(history.SequenceOf("a"), std::nullopt);
}

TEST_F(HistoryTest, TakesIdsOfAnyBytesAndLength) {
  History history({});
  const std::string zeros(2000, '\0');
  history.Append(FormatRaw("x"), zeros, 1, now_);
  history.Append(FormatRaw("y"), "", 2, now_);
  EXPECT_EQ(history.SequenceOf(zeros), 1U);
  EXPECT_EQ(history.SequenceOf(""), 2U);
  EXPECT_EQ(history.SequenceOf(std::string(1999, '\0')), std::nullopt);
}

TEST_F(HistoryTest, IsClearedWithoutForgettingItsNumbers) {
  History history({});
  Append(&history, "ab");
  history.Clear();
  EXPECT_EQ(history.first(), 3U);
  EXPECT_EQ(history.end(), 3U);
  EXPECT_EQ(history.bytes(), 0U);
  EXPECT_EQ(history.evicted_order(), 20U);
  EXPECT_EQ(history.SequenceOf("a"), std::nullopt);
}

#if defined(__SANITIZE_ADDRESS__)
TEST_F(HistoryTest, FreesTheFrameOfAnEventThatNobodyElseHas) {
  History history({.max_events = 1});
  Append(&history, "a");
  const char* const first = history[1].frame->body().data();
  EXPECT_FALSE(__asan_address_is_poisoned(first));
  Append(&history, "b");
  EXPECT_TRUE(__asan_address_is_poisoned(first));
}
#endif

class HistoryModelTest : public testing::TestWithParam<uint64_t> {};

TEST_P(HistoryModelTest, AgreesWithItsModel) {
  SeededChoices choices(GetParam(), 800);
  HistoryCheck(&choices).Run();
}

INSTANTIATE_TEST_SUITE_P(Seeds, HistoryModelTest, testing::Range<uint64_t>(0, 40));

}  // namespace
}  // namespace stream_llm
