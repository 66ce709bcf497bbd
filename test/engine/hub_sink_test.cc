#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>

#include "src/hub/hub.h"
#include "test/engine/fake_sink.h"
#include "test/engine/hub_fixture.h"
#include "test/engine/outbox_model.h"

namespace stream_llm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class HubSinkTest : public HubTest {
 protected:
  FakeClient& client_ = NewClient();
};

TEST_F(HubSinkTest, SendsNothingBeforeItIsFlushed) {
  const SessionId id = Connect(&client_);
  Send(id, "hello");
  EXPECT_EQ(client_.sends, 0U);
  Flush();
  EXPECT_EQ(client_.received, "hello");
}

TEST_F(HubSinkTest, SendsAllThatWaitsAtOnce) {
  const SessionId id = Connect(&client_);
  for (const auto* text : {"a", "b", "c"}) Send(id, text);
  Flush();
  EXPECT_EQ(client_.received, "abc");
  EXPECT_EQ(client_.sends, 1U);
}

TEST_F(HubSinkTest, SendsNothingTwice) {
  const SessionId id = Connect(&client_);
  Send(id, "once");
  Flush();
  Flush();
  hub_.Unblock(id, now_);
  EXPECT_EQ(client_.received, "once");
  EXPECT_EQ(client_.sends, 1U);
}

TEST_F(HubSinkTest, GivesASinkNoMorePiecesThanItAllows) {
  const SessionId id = Connect(&client_);
  for (size_t i = 0; i < 2 * Sink::kMostPieces + 1; ++i) Send(id, "x");
  Flush();
  EXPECT_EQ(client_.received, std::string(2 * Sink::kMostPieces + 1, 'x'));
  EXPECT_EQ(client_.sends, 3U);
  EXPECT_EQ(client_.most_pieces, Sink::kMostPieces);
}

TEST_F(HubSinkTest, PutsFramesIntoChunksForSessionsThatAskForThem) {
  const SessionId id = Connect(&client_, {.framing = Framing::kChunked});
  Send(id, "hello");
  Send(id, "0123456789abcdef");
  Flush();
  EXPECT_EQ(client_.received, "5\r\nhello\r\n10\r\n0123456789abcdef\r\n");
}

TEST_F(HubSinkTest, LeavesABlockedSinkAloneUntilItCanTakeMore) {
  const SessionId id = Connect(&client_);
  client_.room = 3;
  Send(id, "hello");
  Flush();
  EXPECT_EQ(client_.received, "hel");
  client_.room = 100;
  Send(id, " world");
  Flush();
  EXPECT_EQ(client_.sends, 1U);
  hub_.Unblock(id, now_);
  EXPECT_EQ(client_.received, "hello world");
}

TEST_F(HubSinkTest, ResumesAtTheByteWhereASinkBlocked) {
  const SessionId id = Connect(&client_, {.framing = Framing::kChunked});
  client_.room = 0;
  Send(id, "one");
  Send(id, "two");
  Flush();
  for (int i = 0; i < 100; ++i) {
    client_.room = 1;
    hub_.Unblock(id, now_);
  }
  EXPECT_EQ(client_.received, "3\r\none\r\n3\r\ntwo\r\n");
}

TEST_F(HubSinkTest, RemembersThatASinkBlockedAfterItsLastByte) {
  const SessionId id = Connect(&client_);
  client_.room = 5;
  Send(id, "hello");
  Flush();
  EXPECT_EQ(client_.received, "hello");
  Send(id, "again");
  Flush();
  EXPECT_EQ(client_.sends, 1U);
  client_.room = 100;
  hub_.Unblock(id, now_);
  EXPECT_EQ(client_.received, "helloagain");
}

TEST_F(HubSinkTest, SendsNothingWhenASinkIsUnblockedAndNothingWaits) {
  const SessionId id = Connect(&client_);
  hub_.Unblock(id, now_);
  EXPECT_EQ(client_.sends, 0U);
}

TEST_F(HubSinkTest, ClosesASessionWhoseSinkFailsAndNoOther) {
  FakeClient& other = NewClient();
  hub_.Join(1, Connect(&client_));
  hub_.Join(1, Connect(&other));
  client_.failure = CloseReason::kConnectionReset;
  Broadcast(1, "news");
  Flush();
  EXPECT_TRUE(client_.sink_destroyed);
  EXPECT_EQ(other.received, "news");
  EXPECT_THAT(Notices(), ElementsAre("1 closed connection-reset"));
}

TEST_F(HubSinkTest, ClosesASessionWhoseSinkFailsWhenItIsUnblocked) {
  const SessionId id = Connect(&client_);
  client_.room = 1;
  Send(id, "hello");
  Flush();
  client_.failure = CloseReason::kConnectionError;
  hub_.Unblock(id, now_);
  EXPECT_THAT(Notices(), ElementsAre("1 closed connection-error"));
  EXPECT_EQ(hub_.session_count(), 0U);
}

TEST_F(HubSinkTest, DestroysTheSinkWithItsSession) {
  hub_.Close(Connect(&client_));
  EXPECT_TRUE(client_.sink_destroyed);
}

TEST_F(HubSinkTest, SendsNothingToASessionThatWasClosedBeforeTheFlush) {
  const SessionId id = Connect(&client_);
  Send(id, "hello");
  hub_.Close(id);
  Flush();
  EXPECT_EQ(client_.sends, 0U);
}

TEST_F(HubSinkTest, EndsASessionOnceItsSinkHasTakenEverything) {
  const SessionId id = Connect(&client_);
  client_.room = 3;
  Send(id, "hello");
  hub_.End(id);
  Flush();
  EXPECT_THAT(Notices(), IsEmpty());
  EXPECT_FALSE(client_.sink_destroyed);
  client_.room = 100;
  hub_.Unblock(id, now_);
  EXPECT_EQ(client_.received, "hello");
  EXPECT_TRUE(client_.sink_destroyed);
  EXPECT_THAT(Notices(), ElementsAre("1 ended"));
}

TEST_F(HubSinkTest, TellsWhenASinkHasTakenEverything) {
  const SessionId id = Connect(&client_);
  Send(id, "hello");
  hub_.AwaitDrain(id);
  EXPECT_THAT(Notices(), IsEmpty());
  Flush();
  EXPECT_THAT(Notices(), ElementsAre("1 drained 1"));
}

TEST_F(HubSinkTest, TellsOfBytesThatWaitOnlyWhereThereIsNoSink) {
  const SessionId sunk = Connect(&client_);
  const SessionId pulled = Open();
  Send(sunk, "sunk");
  Send(pulled, "pulled");
  Flush();
  EXPECT_THAT(Notices(), ElementsAre("2 ready 6"));
  EXPECT_EQ(Take(pulled), "pulled");
  EXPECT_EQ(client_.received, "sunk");
}

TEST_F(HubSinkTest, FlushesWhatWaitsAlsoWhenNoticesWereCollectedBefore) {
  const SessionId id = Connect(&client_);
  Send(id, "hello");
  Notices();
  Flush();
  EXPECT_EQ(client_.received, "hello");
}

// Slow is who does not take what is offered, not who was offered nothing yet.
TEST_F(HubSinkTest, SendsWhatWaitsBeforeItTakesAClientForSlow) {
  const SessionId id = Connect(&client_, {.max_buffered_bytes = 10});
  hub_.Join(1, id);
  for (int i = 0; i < 100; ++i) Broadcast(1, "ten bytes.");
  EXPECT_NE(hub_.Find(id), nullptr);
  Flush();
  EXPECT_EQ(client_.received.size(), 1000U);
}

TEST_F(HubSinkTest, ClosesASessionWhoseSinkFailsDuringABroadcastAndServesTheOthers) {
  FakeClient& other = NewClient();
  hub_.Join(1, Connect(&client_, {.max_buffered_bytes = 4}));
  hub_.Join(1, Connect(&other, {.max_buffered_bytes = 4}));
  Broadcast(1, "1234");
  client_.failure = CloseReason::kConnectionReset;
  Broadcast(1, "5678");
  Flush();
  EXPECT_TRUE(client_.sink_destroyed);
  EXPECT_EQ(other.received, "12345678");
  EXPECT_THAT(Notices(), ElementsAre("1 closed connection-reset"));
}

TEST_F(HubSinkTest, KeepsAStalledClientWithinItsLimit) {
  client_.room = 0;
  const SessionId id = Connect(&client_, {.max_buffered_bytes = RoomFor(100, 10),
                                          .slow_consumer = SlowConsumer::kDropOldest});
  for (int i = 0; i < 1000; ++i) {
    Send(id, "ten bytes.");
    Flush();
    ASSERT_LE(hub_.Find(id)->outbox.bytes(), 100U);
  }
  EXPECT_THAT(Notices(), ElementsAre("1 dropped 990"));
}

}  // namespace
}  // namespace stream_llm
