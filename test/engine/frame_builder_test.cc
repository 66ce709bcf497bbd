#include "src/wire/frame_builder.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <utility>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "test/engine/choices.h"

namespace stream_llm {
namespace {

TEST(FrameBuilderTest, IsEmptyAtFirst) {
  const FrameBuilder builder;
  EXPECT_EQ(builder.size(), 0U);
  EXPECT_EQ(builder.view().size(), 0U);
}

// For UndefinedBehaviorSanitizer: without memory there is nothing to point into.
TEST(FrameBuilderTest, ReservesNothingWithoutMemory) {
  FrameBuilder builder;
  EXPECT_EQ(builder.Reserve(0), nullptr);
  builder.Advance(0);
  EXPECT_EQ(builder.view(), "");
}

TEST(FrameBuilderTest, AppendsBytesInOrder) {
  FrameBuilder builder;
  builder.Append("id:");
  builder.Append("");
  builder.Append("7\n");
  EXPECT_EQ(builder.view(), "id:7\n");
  EXPECT_EQ(builder.size(), 5U);
}

TEST(FrameBuilderTest, KeepsOnlyWhatWasAdvancedOver) {
  FrameBuilder builder;
  builder.Append("ab");
  std::memcpy(builder.Reserve(100), "cdefgh", 6);
  builder.Advance(2);
  EXPECT_EQ(builder.view(), "abcd");
}

TEST(FrameBuilderTest, KeepsWhatItHasWhenItGrows) {
  FrameBuilder builder;
  std::string expected;
  for (size_t i = 0; i < 1000; ++i) {
    const std::string piece(i % 97, static_cast<char>('a' + i % 26));
    builder.Append(piece);
    expected += piece;
  }
  EXPECT_EQ(builder.view(), expected);
}

TEST(FrameBuilderTest, GrowsByDoublingSoThatManySmallAppendsMoveLittle) {
  // Two in turn, so that neither can grow where it is.
  std::array<FrameBuilder, 2> builders;
  std::array<const char*, 2> places = {};
  size_t moves = 0;
  for (size_t i = 0; i < 20000; ++i) {
    FrameBuilder& builder = builders[i % 2];
    builder.Append("a line of a hundred bytes or less");
    const char* const place = builder.view().data();
    if (std::exchange(places[i % 2], place) != place) ++moves;
  }
  EXPECT_LE(moves, 40U);
}

TEST(FrameBuilderTest, RefusesMoreThanMemoryCanHoldAndKeepsWhatItHas) {
  FrameBuilder builder;
  builder.Append("kept");
  EXPECT_THROW(builder.Reserve(std::numeric_limits<size_t>::max()), std::bad_alloc);
  EXPECT_THROW(builder.Reserve(std::numeric_limits<size_t>::max() / 2), std::bad_alloc);
  EXPECT_EQ(builder.view(), "kept");
}

TEST(FrameBuilderTest, ClearsWithoutGivingItsMemoryBack) {
  FrameBuilder builder;
  builder.Append("a first line");
  const char* const place = builder.view().data();
  builder.Clear();
  EXPECT_EQ(builder.size(), 0U);
  builder.Append("second");
  EXPECT_EQ(builder.view(), "second");
  EXPECT_EQ(builder.view().data(), place);
}

TEST(FrameBuilderTest, FinishesAFrameOfItsBytes) {
  FrameBuilder builder;
  builder.Append("data:1\n\n");
  const FrameRef frame = builder.Finish();
  EXPECT_EQ(frame->body(), "data:1\n\n");
  EXPECT_EQ(frame->chunk(), "8\r\ndata:1\n\n\r\n");
}

TEST(FrameBuilderTest, FinishesWithoutCopying) {
  FrameBuilder builder;
  builder.Append(std::string(1000, 'x'));
  const char* const place = builder.view().data();
  EXPECT_EQ(builder.Finish()->body().data(), place);
}

TEST(FrameBuilderTest, IsEmptyAndUsableAfterAFrame) {
  FrameBuilder builder;
  builder.Append("first");
  const FrameRef first = builder.Finish();
  EXPECT_EQ(builder.size(), 0U);
  builder.Append("second");
  const FrameRef second = builder.Finish();
  EXPECT_EQ(first->body(), "first");
  EXPECT_EQ(second->body(), "second");
}

TEST(FrameBuilderTest, FinishesAnEmptyFrameOfNothing) {
  FrameBuilder builder;
  const FrameRef frame = builder.Finish();
  EXPECT_EQ(frame->body(), "");
  EXPECT_EQ(frame->chunk(), "");
}

TEST(FrameBuilderTest, FinishesAnEmptyFrameOfWhatWasCleared) {
  FrameBuilder builder;
  builder.Append("gone");
  builder.Clear();
  EXPECT_EQ(builder.Finish()->body(), "");
}

#if defined(__GLIBC__)
TEST(FrameBuilderTest, GivesBackTheMemoryThatItsFrameDoesNotNeed) {
  FrameBuilder builder;
  builder.Reserve(size_t{1} << 20);
  builder.Append("small");
  const FrameRef frame = builder.Finish();
  // A page, when it was mapped by itself.
  EXPECT_LT(malloc_usable_size(const_cast<Frame*>(&*frame)), 4096U);
  EXPECT_EQ(frame->body(), "small");
}
#endif

class FrameBuilderModelTest : public testing::TestWithParam<uint64_t> {};

TEST_P(FrameBuilderModelTest, AgreesWithAString) {
  SeededChoices choices(GetParam(), 2000);
  FrameBuilder builder;
  std::string expected;
  while (choices.More()) {
    switch (choices.Below(8)) {
      case 0: {
        const FrameRef frame = builder.Finish();
        ASSERT_EQ(frame->body(), expected);
        expected.clear();
        break;
      }
      case 1:
        builder.Clear();
        expected.clear();
        break;
      case 2: {
        const size_t reserved = choices.Below(5000);
        const size_t written = choices.Below(reserved + 1);
        std::memset(builder.Reserve(reserved), 'r', reserved);
        builder.Advance(written);
        expected.append(written, 'r');
        break;
      }
      default: {
        const std::string piece(choices.Below(300), static_cast<char>(choices.Below(256)));
        builder.Append(piece);
        expected += piece;
      }
    }
    ASSERT_EQ(builder.view(), expected);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FrameBuilderModelTest, testing::Range<uint64_t>(0, 8));

}  // namespace
}  // namespace stream_llm
