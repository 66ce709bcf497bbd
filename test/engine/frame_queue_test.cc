#include "src/hub/frame_queue.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#include "src/wire/event_writer.h"
#include "test/engine/choices.h"

namespace stream_llm {
namespace {

std::string Contents(const FrameQueue& queue) {
  std::string contents;
  for (size_t i = 0; i < queue.size(); ++i) contents += queue[i]->body();
  return contents;
}

void Push(FrameQueue* queue, std::string_view letters) {
  for (const char letter : letters) queue->PushBack(FormatRaw({&letter, 1}));
}

TEST(FrameQueueTest, IsEmptyAtFirst) {
  const FrameQueue queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.size(), 0U);
}

TEST(FrameQueueTest, GivesFramesInTheOrderTheyCame) {
  FrameQueue queue;
  Push(&queue, "abc");
  EXPECT_FALSE(queue.empty());
  EXPECT_EQ(queue.front()->body(), "a");
  queue.PopFront();
  EXPECT_EQ(queue.front()->body(), "b");
  EXPECT_EQ(Contents(queue), "bc");
}

TEST(FrameQueueTest, SharesTheFramesInsteadOfCopyingThem) {
  FrameQueue queue;
  const FrameRef frame = FormatRaw("shared");
  queue.PushBack(frame);
  EXPECT_EQ(&*queue.front(), &*frame);
}

TEST(FrameQueueTest, KeepsItsOrderWhenItGrowsWhileWrappedAround) {
  FrameQueue queue;
  Push(&queue, "abcd");
  queue.PopFront();
  queue.PopFront();
  Push(&queue, "efghijkl");
  EXPECT_EQ(Contents(queue), "cdefghijkl");
}

TEST(FrameQueueTest, ErasesTheFrameAtAnIndex) {
  FrameQueue queue;
  Push(&queue, "abcde");
  queue.Erase(1);
  EXPECT_EQ(Contents(queue), "acde");
  queue.Erase(3);
  EXPECT_EQ(Contents(queue), "acd");
  queue.Erase(0);
  EXPECT_EQ(Contents(queue), "cd");
}

TEST(FrameQueueTest, ErasesAcrossTheEndOfItsRing) {
  FrameQueue queue;
  Push(&queue, "abcd");
  queue.PopFront();
  queue.PopFront();
  queue.PopFront();
  Push(&queue, "efg");
  queue.Erase(2);
  EXPECT_EQ(Contents(queue), "deg");
}

TEST(FrameQueueTest, IsUsableAfterALargeBacklogWasSent) {
  FrameQueue queue;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 1000; ++i) Push(&queue, "x");
    EXPECT_EQ(queue.size(), 1000U);
    while (!queue.empty()) queue.PopFront();
    Push(&queue, "last");
    EXPECT_EQ(Contents(queue), "last");
    while (!queue.empty()) queue.PopFront();
  }
}

#if defined(__SANITIZE_ADDRESS__)
// Else a backlog would stay in memory after it was sent.
TEST(FrameQueueTest, LetsGoOfAFrameAtOnceWhenItIsTakenOut) {
  FrameQueue queue;
  Push(&queue, "abc");
  const char* const first = queue[0]->body().data();
  const char* const second = queue[1]->body().data();
  queue.Erase(1);
  EXPECT_TRUE(__asan_address_is_poisoned(second));
  EXPECT_FALSE(__asan_address_is_poisoned(first));
  queue.PopFront();
  EXPECT_TRUE(__asan_address_is_poisoned(first));
}
#endif

// For LeakSanitizer.
TEST(FrameQueueTest, LetsGoOfItsFramesWhenDestroyed) {
  FrameQueue queue;
  Push(&queue, "never sent");
}

class FrameQueueModelTest : public testing::TestWithParam<uint64_t> {};

TEST_P(FrameQueueModelTest, AgreesWithADeque) {
  SeededChoices choices(GetParam(), 20000);
  FrameQueue queue;
  std::deque<char> expected;
  uint64_t growing = 2;
  for (size_t step = 0; choices.More(); ++step) {
    if (choices.OneIn(100)) growing = 1 + choices.Below(3);
    const char letter = static_cast<char>('a' + choices.Below(26));
    if (choices.Below(4) < growing) {
      Push(&queue, {&letter, 1});
      expected.push_back(letter);
    } else if (!expected.empty() && choices.OneIn(3)) {
      const size_t index = choices.Below(expected.size());
      queue.Erase(index);
      expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(index));
    } else if (!expected.empty()) {
      queue.PopFront();
      expected.pop_front();
    }
    ASSERT_EQ(queue.empty(), expected.empty()) << "step " << step;
    if (step % 16 == 0) {
      ASSERT_EQ(Contents(queue), std::string(expected.begin(), expected.end())) << "step " << step;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FrameQueueModelTest, testing::Range<uint64_t>(0, 6));

}  // namespace
}  // namespace stream_llm
