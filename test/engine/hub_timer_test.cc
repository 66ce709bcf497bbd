#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/hub/hub.h"
#include "test/engine/fake_sink.h"
#include "test/engine/hub_fixture.h"

namespace stream_llm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr SessionOptions kKeepAlive = {.keep_alive_ms = 100};
constexpr SessionOptions kWriteTimeout = {.write_timeout_ms = 100};

class HubTimerTest : public HubTest {};

TEST_F(HubTimerTest, HasNothingToDoForSessionsWithoutTimeouts) {
  const SessionId id = Open();
  EXPECT_EQ(hub_.NextWakeUp(), std::nullopt);
  Send(id, "waits");
  EXPECT_EQ(hub_.NextWakeUp(), std::nullopt);
  Wait(1000000);
  EXPECT_EQ(Take(id), "waits");
  Wait(1000000);
  EXPECT_EQ(Take(id), "");
}

TEST_F(HubTimerTest, SendsACommentAfterSilence) {
  const SessionId id = Open(kKeepAlive);
  Wait(99);
  EXPECT_FALSE(hub_.has_notices());
  Wait(1);
  EXPECT_THAT(Notices(), ElementsAre("1 ready 3"));
  EXPECT_EQ(Take(id), ":\n\n");
}

TEST_F(HubTimerTest, SendsAnotherCommentAfterEachSilence) {
  const SessionId id = Open(kKeepAlive);
  for (int i = 0; i < 10; ++i) {
    Wait(99);
    EXPECT_EQ(Take(id), "");
    Wait(1);
    EXPECT_EQ(Take(id), ":\n\n");
  }
}

TEST_F(HubTimerTest, CountsSilenceFromWhenBytesLastLeft) {
  const SessionId id = Open(kKeepAlive);
  Wait(60);
  Send(id, "event");
  Wait(30);
  EXPECT_EQ(Take(id), "event");
  Wait(99);
  EXPECT_EQ(Take(id), "");
  Wait(1);
  EXPECT_EQ(Take(id), ":\n\n");
}

TEST_F(HubTimerTest, SendsNoCommentWhileSomethingWaits) {
  const SessionId id = Open(kKeepAlive);
  Send(id, "event");
  Wait(5000);
  EXPECT_EQ(Take(id), "event");
}

TEST_F(HubTimerTest, SendsOneCommentAfterALongPauseOfTheClock) {
  const SessionId id = Open(kKeepAlive);
  Wait(100000);
  EXPECT_EQ(Take(id), ":\n\n");
}

TEST_F(HubTimerTest, SendsNoCommentWhereKeepAliveIsOff) {
  const SessionId id = Open(kWriteTimeout);
  Wait(100000);
  EXPECT_EQ(Take(id), "");
  EXPECT_EQ(hub_.session_count(), 1U);
}

TEST_F(HubTimerTest, SendsCommentsThroughSinksToo) {
  FakeClient& client = NewClient();
  Connect(&client, kKeepAlive);
  Wait(100);
  Flush();
  EXPECT_EQ(client.received, ":\n\n");
}

TEST_F(HubTimerTest, GivesUpAClientThatTakesNothingForTheTimeout) {
  const SessionId id = Open(kWriteTimeout);
  Send(id, "event");
  Wait(99);
  EXPECT_NE(hub_.Find(id), nullptr);
  Wait(1);
  EXPECT_EQ(hub_.Find(id), nullptr);
  EXPECT_THAT(Notices(), ElementsAre("1 closed write-timeout"));
}

TEST_F(HubTimerTest, CountsTheTimeoutFromWhenBytesBeganToWait) {
  const SessionId id = Open(kWriteTimeout);
  Wait(5000);
  Send(id, "event");
  Wait(99);
  EXPECT_NE(hub_.Find(id), nullptr);
  Wait(1);
  EXPECT_EQ(hub_.Find(id), nullptr);
}

TEST_F(HubTimerTest, TakesASingleByteForProgress) {
  const SessionId id = Open(kWriteTimeout);
  Send(id, "a long event");
  for (int i = 0; i < 5; ++i) {
    Wait(99);
    EXPECT_EQ(Take(id, 1).size(), 1U);
  }
  Wait(99);
  EXPECT_NE(hub_.Find(id), nullptr);
  Wait(1);
  EXPECT_EQ(hub_.Find(id), nullptr);
}

TEST_F(HubTimerTest, DoesNotTakeMoreEventsForProgress) {
  const SessionId id = Open(kWriteTimeout);
  Send(id, "event");
  for (int i = 0; i < 9; ++i) {
    Wait(10);
    Send(id, "another");
  }
  Wait(10);
  EXPECT_EQ(hub_.Find(id), nullptr);
}

TEST_F(HubTimerTest, DoesNotTakeDroppedEventsForProgress) {
  const SessionId id = Open({.write_timeout_ms = 100,
                             .max_buffered_bytes = 5,
                             .slow_consumer = SlowConsumer::kDropOldest});
  for (int i = 0; i < 10; ++i) {
    Send(id, "event");
    Wait(10);
  }
  EXPECT_EQ(hub_.Find(id), nullptr);
}

TEST_F(HubTimerTest, GivesUpAClientOfWhoseBytesNothingLeavesThoughTheyWereTaken) {
  const SessionId id = Open({.keep_alive_ms = 10, .write_timeout_ms = 100});
  Send(id, "event");
  EXPECT_EQ(TakeUnderWay(id), "event");
  Notices();
  Wait(99);
  EXPECT_THAT(Notices(), IsEmpty());
  Wait(1);
  EXPECT_THAT(Notices(), ElementsAre("1 closed write-timeout"));
}

TEST_F(HubTimerTest, DoesNotTakeMoreEventsForProgressOfWhatIsUnderWay) {
  const SessionId id = Open(kWriteTimeout);
  Send(id, "event");
  TakeUnderWay(id);
  for (int i = 0; i < 9; ++i) {
    Wait(10);
    Send(id, "another");
  }
  Wait(10);
  EXPECT_EQ(hub_.Find(id), nullptr);
}

TEST_F(HubTimerTest, CountsTheTimeoutAnewWhenWhatWasTakenHasLeft) {
  const SessionId id = Open(kWriteTimeout);
  Send(id, "event");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(TakeUnderWay(id, 1).size(), 1U);
    Wait(99);
  }
  EXPECT_NE(hub_.Find(id), nullptr);
  SayLeft(id);
  Wait(1000);
  EXPECT_NE(hub_.Find(id), nullptr);
}

TEST_F(HubTimerTest, SendsNoCommentWhileSomethingIsUnderWay) {
  const SessionId id = Open(kKeepAlive);
  Send(id, "event");
  TakeUnderWay(id);
  Notices();
  Wait(5000);
  EXPECT_THAT(Notices(), IsEmpty());
  SayLeft(id);
  Wait(99);
  EXPECT_THAT(Notices(), IsEmpty());
  Wait(1);
  EXPECT_THAT(Notices(), ElementsAre("1 ready 3"));
}

TEST_F(HubTimerTest, GivesUpAClientWhoseSinkStaysBlocked) {
  FakeClient& client = NewClient(3);
  Connect(&client, kWriteTimeout);
  Send(1, "event");
  Flush();
  Wait(100);
  EXPECT_TRUE(client.sink_destroyed);
  EXPECT_THAT(Notices(), ElementsAre("1 closed write-timeout"));
}

TEST_F(HubTimerTest, KeepsAClientWhoseSinkTakesAByteNowAndThen) {
  FakeClient& client = NewClient(1);
  const SessionId id = Connect(&client, kWriteTimeout);
  Send(id, "event");
  Flush();
  for (int i = 0; i < 4; ++i) {
    Wait(99);
    client.room = 1;
    hub_.Unblock(id, now_);
  }
  Wait(1000);
  EXPECT_EQ(client.received, "event");
  EXPECT_NE(hub_.Find(id), nullptr);
}

// As TCP does, where that is half of what may wait unsent: too much for a slow client in the time.
TEST_F(HubTimerTest, KeepsAClientThatTakesTooLittleForItsSinkToSaySo) {
  FakeClient& client = NewClient(1);
  const SessionId id = Connect(&client, kWriteTimeout);
  Send(id, "event");
  Flush();
  for (int i = 0; i < 3; ++i) {
    Wait(50);
    client.room = 1;
    Wait(50);
  }
  EXPECT_EQ(client.received, "even");
  EXPECT_NE(hub_.Find(id), nullptr);
  Wait(100);
  EXPECT_THAT(Notices(), ElementsAre("1 closed write-timeout"));
}

// What the system passes on right after it was blocked is no reason for a whole timeout more.
TEST_F(HubTimerTest, CountsTheTimeoutFromAboutWhenABlockedSinkTookLast) {
  FakeClient& client = NewClient(1);
  const SessionId id = Connect(&client, kWriteTimeout);
  Send(id, "event");
  Flush();
  client.room = 1;
  Wait(25);
  EXPECT_EQ(client.received, "ev");
  Wait(99);
  EXPECT_NE(hub_.Find(id), nullptr);
  Wait(1);
  EXPECT_THAT(Notices(), ElementsAre("1 closed write-timeout"));
}

TEST_F(HubTimerTest, StillGivesUpASinkThatTookSomethingInTheSameMillisecond) {
  FakeClient& client = NewClient(1);
  const SessionId id = Connect(&client, kWriteTimeout);
  Send(id, "event");
  Flush();
  client.room = 1;
  now_ += 25;
  hub_.Unblock(id, now_);
  hub_.Advance(now_);
  EXPECT_EQ(client.received, "ev");
  for (int i = 0; i < 100; ++i) Wait(1);
  EXPECT_THAT(Notices(), ElementsAre("1 closed write-timeout"));
}

TEST_F(HubTimerTest, EndsASessionWhoseLastBytesLeaveWhenItsTimeIsUp) {
  FakeClient& client = NewClient(0);
  const SessionId id = Connect(&client, kWriteTimeout);
  Send(id, "last");
  hub_.End(id);
  Flush();
  client.room = 100;
  Wait(100);
  EXPECT_EQ(client.received, "last");
  EXPECT_THAT(Notices(), ElementsAre("1 ended"));
}

TEST_F(HubTimerTest, TellsWhyASinkFailsWhenItsTimeIsUp) {
  FakeClient& client = NewClient(0);
  Send(Connect(&client, kWriteTimeout), "event");
  Flush();
  client.failure = CloseReason::kConnectionReset;
  Wait(100);
  EXPECT_THAT(Notices(), ElementsAre("1 closed connection-reset"));
}

TEST_F(HubTimerTest, DoesNotTakeUnblockingForProgress) {
  FakeClient& client = NewClient(0);
  const SessionId id = Connect(&client, kWriteTimeout);
  Send(id, "event");
  Flush();
  Wait(60);
  hub_.Unblock(id, now_);
  Wait(40);
  EXPECT_EQ(hub_.Find(id), nullptr);
}

TEST_F(HubTimerTest, GivesUpAClientThatDoesNotEvenTakeTheComment) {
  Open({.keep_alive_ms = 100, .write_timeout_ms = 50});
  Wait(100);
  EXPECT_THAT(Notices(), ElementsAre("1 ready 3"));
  Wait(49);
  EXPECT_THAT(Notices(), IsEmpty());
  Wait(1);
  EXPECT_THAT(Notices(), ElementsAre("1 closed write-timeout"));
}

TEST_F(HubTimerTest, GivesUpAClientThatDoesNotTakeItsLastBytes) {
  const SessionId id = Open(kWriteTimeout);
  Send(id, "last");
  hub_.End(id);
  Wait(100);
  EXPECT_THAT(Notices(), ElementsAre("1 closed write-timeout"));
}

TEST_F(HubTimerTest, KeepsBothTimeoutsApart) {
  const SessionId id = Open({.keep_alive_ms = 50, .write_timeout_ms = 200});
  Send(id, "event");
  Wait(199);
  EXPECT_EQ(Take(id), "event");
  Wait(49);
  EXPECT_EQ(Take(id), "");
  Wait(1);
  EXPECT_EQ(Take(id), ":\n\n");
}

TEST_F(HubTimerTest, ForgetsTheTimersOfSessionsThatAreGone) {
  const SessionId closed = Open(kKeepAlive);
  const SessionId ended = Open(kKeepAlive);
  hub_.Close(closed);
  hub_.End(ended);
  EXPECT_EQ(hub_.NextWakeUp(), std::nullopt);
  Wait(1000);
  EXPECT_THAT(Notices(), ElementsAre("2 ended"));
}

TEST_F(HubTimerTest, NeverWakesUpAfterTheFirstDeadline) {
  Open({.keep_alive_ms = 5000});
  Open({.keep_alive_ms = 70});
  while (!hub_.has_notices()) {
    const uint64_t wake_up = hub_.NextWakeUp().value();
    ASSERT_GT(wake_up, now_);
    ASSERT_LE(wake_up, 1070U);
    Wait(wake_up - now_);
  }
  EXPECT_EQ(now_, 1070U);
}

TEST_F(HubTimerTest, RunsTheTimersOfManySessionsEachInItsTurn) {
  for (uint64_t i = 1; i <= 500; ++i) Open({.keep_alive_ms = 10 * i});
  for (uint64_t i = 1; i <= 500; ++i) {
    Wait(10);
    ASSERT_EQ(Take(i), ":\n\n") << i;
    hub_.Close(i);
  }
}

}  // namespace
}  // namespace stream_llm
