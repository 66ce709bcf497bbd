#include "src/hub/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "src/wire/event_writer.h"
#include "test/engine/choices.h"
#include "test/engine/outbox_check.h"

namespace stream_llm {
namespace {

// What Append() says: overflow, and how many events were dropped.
auto Taken() { return testing::FieldsAre(false, 0U); }
auto Overflow() { return testing::FieldsAre(true, 0U); }
auto Dropped(uint32_t count) { return testing::FieldsAre(false, count); }

std::string WaitingIn(const Outbox& outbox) {
  std::array<std::string_view, 64> pieces;
  std::string waiting;
  for (size_t i = 0, filled = outbox.Gather(pieces); i < filled; ++i) waiting += pieces[i];
  return waiting;
}

// What holds with every policy.
class OutboxTest : public testing::TestWithParam<SlowConsumer> {
 protected:
  Outbox::Admission Append(std::string_view bytes) { return outbox_.Append(FormatRaw(bytes)); }
  std::string Waiting() const { return WaitingIn(outbox_); }

  Outbox outbox_{RoomFor(10, 3), GetParam(), Framing::kRaw};
};

INSTANTIATE_TEST_SUITE_P(Policy, OutboxTest,
                         testing::Values(SlowConsumer::kDisconnect, SlowConsumer::kDropOldest,
                                         SlowConsumer::kDropNewest));

TEST_P(OutboxTest, IsEmptyAtFirst) {
  EXPECT_TRUE(outbox_.empty());
  EXPECT_EQ(outbox_.bytes(), 0U);
  EXPECT_EQ(Waiting(), "");
}

TEST_P(OutboxTest, HoldsFramesInOrderUpToItsLimit) {
  for (const auto* frame : {"1234", "567", "890"}) EXPECT_THAT(Append(frame), Taken());
  EXPECT_EQ(outbox_.bytes(), 10U);
  EXPECT_EQ(outbox_.frame_count(), 3U);
  EXPECT_FALSE(outbox_.Fits(FormatRaw("x")));
  EXPECT_EQ(Waiting(), "1234567890");
}

TEST_P(OutboxTest, IgnoresEmptyFrames) {
  EXPECT_THAT(Append(""), Taken());
  EXPECT_TRUE(outbox_.empty());
  Append("1234567890");
  EXPECT_THAT(Append(""), Taken());
  EXPECT_EQ(outbox_.frame_count(), 1U);
}

TEST_P(OutboxTest, TakesAnyFrameWhenNothingWaits) {
  const std::string large(1000, 'x');
  EXPECT_THAT(Append(large), Taken());
  EXPECT_EQ(outbox_.bytes(), 1000U);
  outbox_.Consume(1000);
  EXPECT_THAT(Append(large), Taken());
  EXPECT_EQ(Waiting(), large);
}

TEST_P(OutboxTest, ForgetsWhatHasBeenSent) {
  Append("abc");
  Append("def");
  EXPECT_EQ(outbox_.Consume(2), 0U);
  EXPECT_EQ(Waiting(), "cdef");
  EXPECT_EQ(outbox_.bytes(), 4U);
  EXPECT_EQ(outbox_.Consume(1), 1U);
  EXPECT_EQ(Waiting(), "def");
  EXPECT_EQ(outbox_.Consume(3), 1U);
  EXPECT_TRUE(outbox_.empty());
  EXPECT_EQ(outbox_.bytes(), 0U);
}

TEST_P(OutboxTest, ForgetsSeveralFramesAtOnceAndPartOfAnother) {
  Append("abc");
  Append("def");
  Append("ghi");
  EXPECT_EQ(outbox_.Consume(7), 2U);
  EXPECT_EQ(Waiting(), "hi");
  EXPECT_EQ(outbox_.frame_count(), 1U);
}

TEST_P(OutboxTest, ForgetsNothingWhenNothingWasSent) {
  EXPECT_EQ(outbox_.Consume(0), 0U);
  Append("abc");
  EXPECT_EQ(outbox_.Consume(0), 0U);
  EXPECT_EQ(Waiting(), "abc");
}

TEST_P(OutboxTest, HasRoomAgainForWhatHasBeenSent) {
  for (const auto* frame : {"1234", "567", "890"}) Append(frame);
  outbox_.Consume(4);
  EXPECT_THAT(Append("abcd"), Taken());
  EXPECT_EQ(Waiting(), "567890abcd");
}

// Else a client that takes nothing could cost many times its limit, by events that are small.
TEST_P(OutboxTest, CountsWhatEachFrameTakesBesideItsBytes) {
  for (int i = 0; i < 1000; ++i) Append("x");
  EXPECT_LE(outbox_.frame_count(), RoomFor(10, 3) / Outbox::kFrameOverhead);
}

TEST_P(OutboxTest, GathersAsManyPiecesAsThereIsRoomFor) {
  Append("abc");
  Append("def");
  Append("ghi");
  outbox_.Consume(1);
  std::array<std::string_view, 2> pieces;
  EXPECT_EQ(outbox_.Gather(pieces), 2U);
  EXPECT_EQ(pieces[0], "bc");
  EXPECT_EQ(pieces[1], "def");
  EXPECT_EQ(outbox_.Gather({}), 0U);
}

TEST_P(OutboxTest, GathersTheFramesThemselves) {
  const FrameRef frame = FormatRaw("shared");
  outbox_.Append(frame);
  std::array<std::string_view, 1> pieces;
  outbox_.Gather(pieces);
  EXPECT_EQ(pieces[0].data(), frame->body().data());
}

TEST(OutboxDisconnectTest, RefusesWhatWouldExceedTheLimitAndKeepsTheRest) {
  Outbox outbox(RoomFor(10, 2), SlowConsumer::kDisconnect, Framing::kRaw);
  outbox.Append(FormatRaw("123456"));
  EXPECT_THAT(outbox.Append(FormatRaw("78901")), Overflow());
  EXPECT_EQ(WaitingIn(outbox), "123456");
  EXPECT_THAT(outbox.Append(FormatRaw("7890")), Taken());
}

TEST(OutboxDropNewestTest, DropsTheNewEventOnly) {
  Outbox outbox(RoomFor(10, 2), SlowConsumer::kDropNewest, Framing::kRaw);
  outbox.Append(FormatRaw("123456"));
  EXPECT_THAT(outbox.Append(FormatRaw("78901")), Dropped(1));
  EXPECT_EQ(WaitingIn(outbox), "123456");
  EXPECT_THAT(outbox.Append(FormatRaw("7890")), Taken());
}

TEST(OutboxDropOldestTest, DropsAsManyOfTheOldestAsItMust) {
  Outbox outbox(RoomFor(10, 3), SlowConsumer::kDropOldest, Framing::kRaw);
  for (const auto* frame : {"aaa", "bbb", "ccc"}) outbox.Append(FormatRaw(frame));
  EXPECT_THAT(outbox.Append(FormatRaw("ddddd")), Dropped(2));
  EXPECT_EQ(WaitingIn(outbox), "cccddddd");
  EXPECT_EQ(outbox.bytes(), 8U);
}

TEST(OutboxDropOldestTest, DropsAllForAnEventLargerThanTheLimit) {
  Outbox outbox(RoomFor(10, 2), SlowConsumer::kDropOldest, Framing::kRaw);
  for (const auto* frame : {"aaa", "bbb"}) outbox.Append(FormatRaw(frame));
  const std::string large(100, 'x');
  EXPECT_THAT(outbox.Append(FormatRaw(large)), Dropped(2));
  EXPECT_EQ(WaitingIn(outbox), large);
}

TEST(OutboxDropOldestTest, NeverDropsAnEventOfWhichAPartHasBeenSent) {
  Outbox outbox(RoomFor(10, 3), SlowConsumer::kDropOldest, Framing::kRaw);
  for (const auto* frame : {"aaaa", "bbb", "ccc"}) outbox.Append(FormatRaw(frame));
  outbox.Consume(1);
  EXPECT_THAT(outbox.Append(FormatRaw("dddddd")), Dropped(2));
  EXPECT_EQ(WaitingIn(outbox), "aaadddddd");
}

// Else a client that is slow to take one event would get nothing newer than the events dropped.
TEST(OutboxDropOldestTest, KeepsTheNewestEventBesideOneOfWhichAPartHasBeenSent) {
  Outbox outbox(RoomFor(10, 2), SlowConsumer::kDropOldest, Framing::kRaw);
  outbox.Append(FormatRaw("aaaaaaaa"));
  outbox.Consume(1);
  EXPECT_THAT(outbox.Append(FormatRaw("bbbbbb")), Taken());
  EXPECT_THAT(outbox.Append(FormatRaw("cccccc")), Dropped(1));
  EXPECT_EQ(WaitingIn(outbox), "aaaaaaacccccc");
}

TEST(OutboxFramingTest, PutsEachFrameInAChunkOfItsOwn) {
  Outbox outbox(1000, SlowConsumer::kDisconnect, Framing::kChunked);
  outbox.Append(FormatRaw("data:1\n\n"));
  outbox.Append(FormatRaw(std::string(16, 'x')));
  EXPECT_EQ(WaitingIn(outbox), "8\r\ndata:1\n\n\r\n10\r\nxxxxxxxxxxxxxxxx\r\n");
}

TEST(OutboxFramingTest, CountsTheBytesOfTheChunksToo) {
  Outbox outbox(RoomFor(14, 2), SlowConsumer::kDropNewest, Framing::kChunked);
  outbox.Append(FormatRaw("ab"));
  EXPECT_EQ(outbox.bytes(), std::string_view("2\r\nab\r\n").size());
  EXPECT_THAT(outbox.Append(FormatRaw("abc")), Dropped(1));
  EXPECT_THAT(outbox.Append(FormatRaw("cd")), Taken());
  EXPECT_EQ(outbox.bytes(), 14U);
}

TEST(OutboxFramingTest, NeverSendsAnEmptyChunkBecauseItWouldEndTheResponse) {
  Outbox outbox(1000, SlowConsumer::kDisconnect, Framing::kChunked);
  outbox.Append(FormatRaw(""));
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(WaitingIn(outbox), "");
}

TEST(OutboxFramingTest, SharesFramesWithOutboxesOfTheOtherFraming) {
  Outbox raw(1000, SlowConsumer::kDisconnect, Framing::kRaw);
  Outbox chunked(1000, SlowConsumer::kDisconnect, Framing::kChunked);
  const FrameRef frame = FormatRaw("both");
  raw.Append(frame);
  chunked.Append(frame);
  EXPECT_EQ(WaitingIn(raw), "both");
  EXPECT_EQ(WaitingIn(chunked), "4\r\nboth\r\n");
}

class OutboxModelTest : public testing::TestWithParam<uint64_t> {};

TEST_P(OutboxModelTest, AgreesWithItsModel) {
  SeededChoices choices(GetParam(), 3000);
  OutboxCheck(&choices).Run();
}

INSTANTIATE_TEST_SUITE_P(Seeds, OutboxModelTest, testing::Range<uint64_t>(0, 40));

}  // namespace
}  // namespace stream_llm
