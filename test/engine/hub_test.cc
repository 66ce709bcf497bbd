#include "src/hub/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "test/engine/choices.h"
#include "test/engine/fake_sink.h"
#include "test/engine/hub_fixture.h"

namespace stream_llm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ChannelId kNews = 1;
constexpr ChannelId kChat = 2;
constexpr uint64_t kNobody = 99;

TEST_F(HubTest, FindsTheSessionsThatAreOpen) {
  const SessionId id = Open();
  ASSERT_NE(hub_.Find(id), nullptr);
  EXPECT_EQ(hub_.Find(id)->id, id);
  EXPECT_EQ(hub_.Find(kNobody), nullptr);
  EXPECT_EQ(hub_.session_count(), 1U);
  hub_.Close(id);
  EXPECT_EQ(hub_.Find(id), nullptr);
  EXPECT_EQ(hub_.session_count(), 0U);
}

TEST_F(HubTest, SendsToOneSessionOnly) {
  const SessionId to = Open();
  const SessionId other = Open();
  Send(to, "hello");
  EXPECT_EQ(Take(to), "hello");
  EXPECT_EQ(Take(other), "");
}

TEST_F(HubTest, GivesBytesInTheOrderOfTheCalls) {
  const SessionId id = Open();
  hub_.Join(kNews, id);
  Send(id, "1 ");
  Broadcast(kNews, "2 ");
  hub_.Multicast(std::array{id}, FormatRaw("3 "), now_);
  Send(id, "4 ");
  EXPECT_EQ(Take(id), "1 2 3 4 ");
}

TEST_F(HubTest, GivesBytesInPiecesOfAnySize) {
  const SessionId id = Open();
  for (const auto* text : {"abc", "defg", "h"}) Send(id, text);
  EXPECT_EQ(Take(id, 0), "");
  EXPECT_EQ(Take(id, 2), "ab");
  EXPECT_EQ(Take(id, 3), "cde");
  EXPECT_EQ(Take(id, 3), "fgh");
  EXPECT_EQ(Take(id, 3), "");
}

TEST_F(HubTest, GivesMoreFramesAtOnceThanASinkWouldTake) {
  const SessionId id = Open();
  std::string expected;
  for (size_t i = 0; i < 5 * Sink::kMostPieces / 2; ++i) {
    Send(id, std::to_string(i) + ' ');
    expected += std::to_string(i) + ' ';
  }
  EXPECT_EQ(Take(id), expected);
}

TEST_F(HubTest, BroadcastsToEveryMember) {
  const SessionId a = Open();
  const SessionId b = Open();
  const SessionId outsider = Open();
  hub_.Join(kNews, a);
  hub_.Join(kNews, b);
  hub_.Join(kChat, outsider);
  Broadcast(kNews, "1");
  Broadcast(kNews, "2");
  EXPECT_EQ(Take(a), "12");
  EXPECT_EQ(Take(b), "12");
  EXPECT_EQ(Take(outsider), "");
}

TEST_F(HubTest, SharesOneFrameAmongAllMembers) {
  FakeClient& a = NewClient();
  FakeClient& b = NewClient();
  hub_.Join(kNews, Connect(&a));
  hub_.Join(kNews, Connect(&b));
  const FrameRef frame = FormatRaw("once");
  hub_.Broadcast(kNews, frame, now_);
  Flush();
  EXPECT_EQ(a.last_piece, frame->body().data());
  EXPECT_EQ(b.last_piece, frame->body().data());
}

TEST_F(HubTest, TakesJoiningTwiceForJoiningOnce) {
  const SessionId id = Open();
  hub_.Join(kNews, id);
  hub_.Join(kNews, id);
  Broadcast(kNews, "once");
  EXPECT_EQ(Take(id), "once");
  hub_.Leave(kNews, id);
  Broadcast(kNews, "more");
  EXPECT_EQ(Take(id), "");
}

TEST_F(HubTest, StopsBroadcastingToThoseWhoLeave) {
  const SessionId stays = Open();
  const SessionId leaves = Open();
  hub_.Join(kNews, leaves);
  hub_.Join(kNews, stays);
  hub_.Leave(kNews, leaves);
  hub_.Leave(kNews, leaves);
  Broadcast(kNews, "news");
  EXPECT_EQ(Take(stays), "news");
  EXPECT_EQ(Take(leaves), "");
}

TEST_F(HubTest, KeepsWhatWasBroadcastBeforeLeaving) {
  const SessionId id = Open();
  hub_.Join(kNews, id);
  Broadcast(kNews, "before");
  hub_.Leave(kNews, id);
  EXPECT_EQ(Take(id), "before");
}

TEST_F(HubTest, KeepsAChannelWhileItHasMembers) {
  const SessionId a = Open();
  const SessionId b = Open();
  EXPECT_EQ(hub_.channel_count(), 0U);
  hub_.Join(kNews, a);
  hub_.Join(kNews, b);
  hub_.Join(kChat, b);
  EXPECT_EQ(hub_.channel_count(), 2U);
  hub_.Leave(kNews, a);
  EXPECT_EQ(hub_.channel_count(), 2U);
  hub_.Close(b);
  EXPECT_EQ(hub_.channel_count(), 0U);
}

TEST_F(HubTest, TakesASessionThatClosesOutOfAllItsChannels) {
  const SessionId stays = Open();
  const SessionId closes = Open();
  for (ChannelId channel = 1; channel <= 20; ++channel) {
    hub_.Join(channel, closes);
    hub_.Join(channel, stays);
  }
  hub_.Close(closes);
  for (ChannelId channel = 1; channel <= 20; ++channel) Broadcast(channel, "x");
  EXPECT_EQ(Take(stays), std::string(20, 'x'));
}

TEST_F(HubTest, MulticastsToThoseNamedAsOftenAsTheyAreNamed) {
  const SessionId a = Open();
  const SessionId b = Open();
  const SessionId c = Open();
  hub_.Multicast(std::array{a, kNobody, c, a}, FormatRaw("x"), now_);
  EXPECT_EQ(Take(a), "xx");
  EXPECT_EQ(Take(b), "");
  EXPECT_EQ(Take(c), "x");
}

TEST_F(HubTest, ClosesThoseWhoOverflowDuringABroadcastAndServesTheOthers) {
  std::vector<SessionId> all;
  for (int i = 0; i < 6; ++i) {
    const size_t limit = i % 2 == 0 ? 5 : 1000;
    all.push_back(Open({.max_buffered_bytes = limit}));
    hub_.Join(kNews, all.back());
  }
  Broadcast(kNews, "first");
  Broadcast(kNews, "second");
  EXPECT_EQ(hub_.session_count(), 3U);
  Broadcast(kNews, "third");
  for (const SessionId id : {all[1], all[3], all[5]}) EXPECT_EQ(Take(id), "firstsecondthird");
  for (const SessionId id : {all[0], all[2], all[4]}) EXPECT_EQ(hub_.Find(id), nullptr);
}

TEST_F(HubTest, ClosesASessionThatOverflowsTwiceInOneMulticastOnce) {
  const SessionId id = Open({.max_buffered_bytes = 1});
  hub_.Multicast(std::array{id, id, id}, FormatRaw("x"), now_);
  EXPECT_EQ(hub_.session_count(), 0U);
  EXPECT_THAT(Notices(), ElementsAre("1 closed slow-consumer"));
}

TEST_F(HubTest, DoesNothingForSessionsAndChannelsThatAreNotThere) {
  const SessionId id = Open();
  hub_.Join(kNews, kNobody);
  EXPECT_EQ(hub_.channel_count(), 0U);
  hub_.Join(kNews, id);
  Send(kNobody, "x");
  Broadcast(kNobody, "x");
  EXPECT_EQ(Take(kNobody), "");
  hub_.Leave(kNobody, id);
  hub_.Leave(kNews, kNobody);
  hub_.Close(kNobody);
  hub_.End(kNobody);
  hub_.AwaitDrain(kNobody);
  hub_.Unblock(kNobody, now_);
  EXPECT_FALSE(hub_.has_notices());
  EXPECT_THAT(Notices(), IsEmpty());
  EXPECT_EQ(hub_.session_count(), 1U);
}

TEST_F(HubTest, CountsWhatItHasDone) {
  FakeClient& client = NewClient(3);
  const SessionId pulled =
      Open({.max_buffered_bytes = 4, .slow_consumer = SlowConsumer::kDropNewest});
  const SessionId sunk = Connect(&client);
  Send(pulled, "1234");
  Send(pulled, "5");
  Send(sunk, "12");
  Send(sunk, "34");
  Flush();
  Take(pulled, 3);
  Take(pulled, 3);
  client.failure = CloseReason::kConnectionReset;
  hub_.Unblock(sunk, now_);
  const HubStats& stats = hub_.stats();
  EXPECT_EQ(stats.opened.value(), 2U);
  EXPECT_EQ(stats.freed.value(), 1U);
  EXPECT_EQ(stats.frames.value(), 2U);
  EXPECT_EQ(stats.bytes.value(), 7U);
  EXPECT_EQ(stats.sends.value(), 3U);
  EXPECT_EQ(stats.blocked.value(), 1U);
  EXPECT_EQ(stats.dropped.value(), 1U);
  EXPECT_EQ(stats.closed[static_cast<size_t>(CloseReason::kConnectionReset)].value(), 1U);
}

// For LeakSanitizer.
TEST(HubLifetimeTest, FreesEverythingWithItself) {
  FakeClient client{.room = 1};
  {
    Hub hub(0);
    hub.Open(1, {.keep_alive_ms = 10}, std::make_unique<FakeSink>(&client), 0);
    hub.Open(2, {.write_timeout_ms = 10}, nullptr, 0);
    hub.Join(kNews, 1);
    hub.Join(kNews, 2);
    hub.Broadcast(kNews, FormatRaw("waits"), 0);
    hub.FlushReady(0);
    EXPECT_FALSE(client.sink_destroyed);
  }
  EXPECT_TRUE(client.sink_destroyed);
}

// Random joins, leaves and closes against sets.
class HubMembershipTest : public HubTest, public testing::WithParamInterface<uint64_t> {};

TEST_P(HubMembershipTest, BroadcastsToExactlyTheMembers) {
  constexpr size_t kSessions = 30;
  constexpr size_t kChannels = 5;
  SeededChoices choices(GetParam(), 10000);
  std::vector<SessionId> sessions(kSessions);
  for (SessionId& id : sessions) id = Open();
  std::array<std::set<SessionId>, kChannels> members;
  for (size_t step = 0; choices.More(); ++step) {
    const ChannelId channel = choices.Below(kChannels);
    SessionId& id = sessions[choices.Below(kSessions)];
    switch (choices.Below(10)) {
      case 0:
        for (auto& set : members) set.erase(id);
        hub_.Close(id);
        id = Open();
        break;
      case 1:
      case 2:
        Broadcast(channel, "x");
        for (const SessionId receiver : sessions) {
          ASSERT_EQ(Take(receiver, 10), members[channel].contains(receiver) ? "x" : "")
              << "step " << step << ", session " << receiver;
        }
        break;
      case 3:
      case 4:
      case 5:
        members[channel].erase(id);
        hub_.Leave(channel, id);
        break;
      default:
        members[channel].insert(id);
        hub_.Join(channel, id);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, HubMembershipTest, testing::Range<uint64_t>(0, 6));

}  // namespace
}  // namespace stream_llm
