#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "src/hub/hub.h"
#include "test/engine/fake_sink.h"
#include "test/engine/hub_fixture.h"

namespace stream_llm {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// lib/ knows them by these numbers.
static_assert(static_cast<int>(NoticeKind::kReady) == 0);
static_assert(static_cast<int>(NoticeKind::kDrained) == 1);
static_assert(static_cast<int>(NoticeKind::kDropped) == 2);
static_assert(static_cast<int>(NoticeKind::kEnded) == 3);
static_assert(static_cast<int>(NoticeKind::kClosed) == 4);
static_assert(static_cast<int>(CloseReason::kSlowConsumer) == 0);
static_assert(static_cast<int>(CloseReason::kWriteTimeout) == 1);
static_assert(static_cast<int>(CloseReason::kConnectionReset) == 2);
static_assert(static_cast<int>(CloseReason::kConnectionError) == 3);
static_assert(static_cast<int>(SlowConsumer::kDisconnect) == 0);
static_assert(static_cast<int>(SlowConsumer::kDropOldest) == 1);
static_assert(static_cast<int>(SlowConsumer::kDropNewest) == 2);

class HubNoticeTest : public HubTest {
 protected:
  static constexpr SessionOptions kDropOldest = {.max_buffered_bytes = 4,
                                                 .slow_consumer = SlowConsumer::kDropOldest};
};

TEST_F(HubNoticeTest, HasNoneAtFirst) {
  Open();
  EXPECT_FALSE(hub_.has_notices());
  EXPECT_THAT(Notices(), IsEmpty());
}

TEST_F(HubNoticeTest, AddsNoticesBehindThoseThatAreThere) {
  const SessionId id = Open();
  std::vector<Notice> notices = {{.session = 7, .kind = NoticeKind::kEnded, .value = 0}};
  hub_.AwaitDrain(id);
  hub_.CollectNotices(&notices);
  ASSERT_THAT(notices, SizeIs(2));
  EXPECT_EQ(notices[0].session, 7U);
  EXPECT_EQ(notices[1].session, id);
}

TEST_F(HubNoticeTest, TellsThatBytesBeganToWaitAndHowMany) {
  const SessionId id = Open();
  Send(id, "123");
  Send(id, "45");
  EXPECT_TRUE(hub_.has_notices());
  EXPECT_THAT(Notices(), ElementsAre("1 ready 5"));
  EXPECT_FALSE(hub_.has_notices());
}

TEST_F(HubNoticeTest, TellsOfMoreBytesOnlyWhenNoneWaitedBefore) {
  const SessionId id = Open();
  Send(id, "123");
  Notices();
  Send(id, "4");
  EXPECT_THAT(Notices(), IsEmpty());
  Take(id);
  EXPECT_THAT(Notices(), IsEmpty());
  Send(id, "5");
  EXPECT_THAT(Notices(), ElementsAre("1 ready 1"));
}

TEST_F(HubNoticeTest, TellsEachMemberOfABroadcast) {
  for (int i = 0; i < 3; ++i) hub_.Join(1, Open());
  Broadcast(1, "news");
  EXPECT_THAT(Notices(), ElementsAre("1 ready 4", "2 ready 4", "3 ready 4"));
}

TEST_F(HubNoticeTest, TellsNothingOfSessionsThatWereClosed) {
  const SessionId id = Open(kDropOldest);
  Send(id, "1234");
  Send(id, "5678");
  hub_.Close(id);
  EXPECT_THAT(Notices(), IsEmpty());
}

TEST_F(HubNoticeTest, TellsAtOnceThatNothingWaits) {
  hub_.AwaitDrain(Open());
  EXPECT_TRUE(hub_.has_notices());
  EXPECT_THAT(Notices(), ElementsAre("1 drained 1"));
}

TEST_F(HubNoticeTest, TellsOnceWhenNothingWaitsAnyMoreAndHowManyAskedForIt) {
  const SessionId id = Open();
  Send(id, "1234");
  hub_.AwaitDrain(id);
  hub_.AwaitDrain(id);
  EXPECT_THAT(Notices(), ElementsAre("1 ready 4"));
  Take(id, 3);
  EXPECT_THAT(Notices(), IsEmpty());
  Take(id, 3);
  EXPECT_THAT(Notices(), ElementsAre("1 drained 2"));
  Send(id, "5");
  Take(id);
  EXPECT_THAT(Notices(), Not(Contains(HasSubstr("drained"))));
}

TEST_F(HubNoticeTest, TellsThatNothingWaitsWhenWhatWasTakenHasLeft) {
  const SessionId id = Open();
  Send(id, "1234");
  TakeUnderWay(id);
  hub_.AwaitDrain(id);
  EXPECT_THAT(Notices(), ElementsAre("1 ready 0"));
  Send(id, "5");
  EXPECT_THAT(Notices(), ElementsAre("1 ready 1"));
  TakeUnderWay(id);
  EXPECT_THAT(Notices(), IsEmpty());
  SayLeft(id);
  EXPECT_THAT(Notices(), ElementsAre("1 drained 1"));
  SayLeft(id);
  EXPECT_THAT(Notices(), IsEmpty());
}

TEST_F(HubNoticeTest, TellsNothingOfDrainingUnlessAsked) {
  const SessionId id = Open();
  Send(id, "1234");
  Notices();
  Take(id);
  EXPECT_THAT(Notices(), IsEmpty());
}

TEST_F(HubNoticeTest, TellsHowManyEventsWereDroppedSinceTheLastTime) {
  const SessionId id = Open(kDropOldest);
  for (int i = 0; i < 4; ++i) Send(id, "1234");
  EXPECT_THAT(Notices(), ElementsAre("1 dropped 3", "1 ready 4"));
  EXPECT_THAT(Notices(), IsEmpty());
  Send(id, "5");
  EXPECT_THAT(Notices(), ElementsAre("1 dropped 1"));
}

TEST_F(HubNoticeTest, EndsAtOnceWhenNothingWaits) {
  const SessionId id = Open();
  hub_.End(id);
  EXPECT_EQ(hub_.Find(id), nullptr);
  EXPECT_THAT(Notices(), ElementsAre("1 ended"));
}

TEST_F(HubNoticeTest, EndsWhenEverythingHasLeftAndOnce) {
  const SessionId id = Open();
  Send(id, "last");
  hub_.End(id);
  hub_.End(id);
  EXPECT_THAT(Notices(), ElementsAre("1 ready 4"));
  EXPECT_EQ(Take(id, 3), "las");
  EXPECT_THAT(Notices(), IsEmpty());
  EXPECT_EQ(Take(id, 3), "t");
  EXPECT_THAT(Notices(), ElementsAre("1 ended"));
  EXPECT_EQ(hub_.session_count(), 0U);
}

TEST_F(HubNoticeTest, EndsWhenWhatWasTakenHasLeft) {
  const SessionId id = Open();
  Send(id, "last");
  TakeUnderWay(id);
  Notices();
  hub_.End(id);
  EXPECT_THAT(Notices(), IsEmpty());
  SayLeft(id);
  EXPECT_THAT(Notices(), ElementsAre("1 ended"));
}

TEST_F(HubNoticeTest, IgnoresFramesAfterTheEnd) {
  const SessionId id = Open();
  hub_.Join(1, id);
  Send(id, "last");
  hub_.End(id);
  Send(id, "late");
  Broadcast(1, "late");
  EXPECT_EQ(Take(id), "last");
}

TEST_F(HubNoticeTest, TellsDrainedAndDroppedBeforeTheEnd) {
  const SessionId id = Open(kDropOldest);
  Send(id, "1234");
  Send(id, "5678");
  hub_.AwaitDrain(id);
  hub_.End(id);
  Take(id);
  EXPECT_THAT(Notices(), ElementsAre("1 drained 1", "1 dropped 1", "1 ended"));
}

TEST_F(HubNoticeTest, TellsDroppedBeforeClosed) {
  const SessionId id = Open({.write_timeout_ms = 10,
                             .max_buffered_bytes = 4,
                             .slow_consumer = SlowConsumer::kDropNewest});
  Send(id, "1234");
  Send(id, "5678");
  Wait(10);
  EXPECT_THAT(Notices(), ElementsAre("1 dropped 1", "1 closed write-timeout"));
}

TEST_F(HubNoticeTest, TellsWhyASlowConsumerWasClosed) {
  const SessionId id = Open({.max_buffered_bytes = 4});
  Send(id, "1234");
  Send(id, "5");
  EXPECT_EQ(hub_.Find(id), nullptr);
  EXPECT_THAT(Notices(), ElementsAre("1 closed slow-consumer"));
}

TEST_F(HubNoticeTest, TellsNothingTwice) {
  const SessionId slow = Open({.max_buffered_bytes = 1});
  const SessionId ending = Open();
  Send(slow, "1");
  Send(slow, "2");
  hub_.End(ending);
  EXPECT_THAT(Notices(), SizeIs(2));
  hub_.Close(slow);
  hub_.End(ending);
  hub_.AwaitDrain(ending);
  EXPECT_FALSE(hub_.has_notices());
  EXPECT_THAT(Notices(), IsEmpty());
}

}  // namespace
}  // namespace stream_llm
