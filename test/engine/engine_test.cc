#include "src/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "src/wire/event_writer.h"
#include "test/engine/notice_text.h"

namespace stream_llm {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr SessionId kNobody = std::numeric_limits<uint32_t>::max();

// An engine whose sessions are all pulled.
class EngineTest : public testing::Test {
 protected:
  SessionId Open(const SessionOptions& options = {}) { return engine_.OpenSession(options, now_); }
  void Send(SessionId id, std::string_view bytes) {
    EXPECT_TRUE(engine_.Send(id, FormatRaw(bytes), now_));
  }
  // Takes what then leaves at once.
  std::string Take(SessionId id) {
    std::string taken(1000, '\0');
    taken.resize(engine_.Take(id, taken, now_));
    engine_.Take(id, {}, now_);
    return taken;
  }
  std::vector<std::string> Notices() {
    std::vector<Notice> notices;
    engine_.CollectNotices(&notices);
    std::vector<std::string> texts;
    texts.reserve(notices.size());
    for (const Notice& notice : notices) texts.push_back(TextOf(notice));
    return texts;
  }

  uint64_t now_ = 1000;
  Engine engine_{now_};
};

TEST_F(EngineTest, NeverUsesTheIdOfASessionAgain) {
  std::set<SessionId> ids;
  for (int i = 0; i < 1000; ++i) {
    const SessionId id = Open();
    EXPECT_TRUE(ids.insert(id).second) << id;
    if (i % 3 != 0) engine_.CloseSession(id);
  }
}

TEST_F(EngineTest, NeverUsesTheIdOfAChannelAgain) {
  std::set<ChannelId> ids;
  const SessionId session = Open();
  for (int i = 0; i < 1000; ++i) {
    const ChannelId id = engine_.NewChannel();
    EXPECT_TRUE(ids.insert(id).second) << id;
    engine_.Join(id, session);
    engine_.Leave(id, session);
  }
}

TEST_F(EngineTest, SendsToItsSessions) {
  const SessionId a = Open();
  const SessionId b = Open();
  Send(a, "for a");
  EXPECT_EQ(engine_.BufferedBytes(a), 5U);
  EXPECT_EQ(engine_.BufferedBytes(b), 0U);
  EXPECT_EQ(Take(a), "for a");
  EXPECT_EQ(Take(b), "");
  EXPECT_EQ(engine_.BufferedBytes(a), 0U);
}

TEST_F(EngineTest, BroadcastsToTheMembersOfAChannel) {
  const SessionId member = Open();
  const SessionId former = Open();
  const ChannelId channel = engine_.NewChannel();
  engine_.Join(channel, member);
  engine_.Join(channel, former);
  engine_.Leave(channel, former);
  EXPECT_TRUE(engine_.Broadcast(channel, FormatRaw("news"), now_));
  EXPECT_EQ(Take(member), "news");
  EXPECT_EQ(Take(former), "");
}

TEST_F(EngineTest, MulticastsToThoseNamed) {
  const SessionId a = Open();
  const SessionId b = Open();
  EXPECT_TRUE(engine_.Multicast(std::array{b, kNobody}, FormatRaw("x"), now_));
  EXPECT_EQ(Take(a), "");
  EXPECT_EQ(Take(b), "x");
}

TEST_F(EngineTest, DoesNothingForSessionsThatAreNotThere) {
  // Also not for those of I/O threads that were never started.
  for (const SessionId id : {kNobody, kNobody - 1, kNobody - 7, SessionId{0}, SessionId{1}}) {
    EXPECT_EQ(Take(id), "");
    EXPECT_TRUE(engine_.Send(id, FormatRaw("x"), now_));
    EXPECT_EQ(engine_.BufferedBytes(id), 0U);
    engine_.Join(1, id);
    engine_.Leave(1, id);
    engine_.AwaitDrain(id);
    engine_.EndSession(id);
    engine_.CloseSession(id);
  }
  EXPECT_FALSE(engine_.TellOfNotices());
  EXPECT_THAT(Notices(), IsEmpty());
}

TEST_F(EngineTest, ForgetsASessionThatIsClosed) {
  const SessionId id = Open();
  Send(id, "never taken");
  engine_.CloseSession(id);
  EXPECT_EQ(engine_.BufferedBytes(id), 0U);
  EXPECT_EQ(Take(id), "");
  EXPECT_THAT(Notices(), IsEmpty());
}

TEST_F(EngineTest, EndsASessionOnceItsBytesWereTaken) {
  const SessionId id = Open();
  Send(id, "last");
  Notices();
  engine_.EndSession(id);
  Send(id, "late");
  EXPECT_THAT(Notices(), IsEmpty());
  EXPECT_EQ(Take(id), "last");
  EXPECT_THAT(Notices(), SizeIs(1));
  EXPECT_EQ(engine_.Stats().pulled_sessions, 0U);
}

TEST_F(EngineTest, TellsOfNoticesOnceUntilTheyAreCollected) {
  EXPECT_FALSE(engine_.TellOfNotices());
  engine_.AwaitDrain(Open());
  EXPECT_TRUE(engine_.TellOfNotices());
  EXPECT_FALSE(engine_.TellOfNotices());
  engine_.AwaitDrain(Open());
  EXPECT_FALSE(engine_.TellOfNotices());
  EXPECT_THAT(Notices(), SizeIs(2));
  EXPECT_FALSE(engine_.TellOfNotices());
  engine_.AwaitDrain(Open());
  EXPECT_TRUE(engine_.TellOfNotices());
}

TEST_F(EngineTest, TellsOfNoticesOfEachKind) {
  const SessionId slow =
      Open({.max_buffered_bytes = 1, .slow_consumer = SlowConsumer::kDropNewest});
  Send(slow, "x");
  EXPECT_TRUE(engine_.TellOfNotices());
  Notices();
  Send(slow, "y");
  EXPECT_TRUE(engine_.TellOfNotices());
  Notices();
  engine_.EndSession(Open());
  EXPECT_TRUE(engine_.TellOfNotices());
}

TEST_F(EngineTest, RunsTheTimersOfItsSessions) {
  const SessionId id = Open({.keep_alive_ms = 100});
  ASSERT_TRUE(engine_.NextWakeUp().has_value());
  EXPECT_LE(*engine_.NextWakeUp(), now_ + 100);
  now_ += 100;
  engine_.Advance(now_);
  EXPECT_EQ(Take(id), ":\n\n");
  engine_.CloseSession(id);
  EXPECT_EQ(engine_.NextWakeUp(), std::nullopt);
}

TEST_F(EngineTest, CountsWhatItHasDone) {
  const SessionId id = Open({.max_buffered_bytes = 4});
  Open();
  Send(id, "1234");
  Take(id);
  Send(id, "1234");
  Send(id, "5");
  const EngineStats stats = engine_.Stats();
  EXPECT_EQ(stats.pulled_sessions, 1U);
  EXPECT_EQ(stats.socket_sessions, 0U);
  EXPECT_EQ(stats.frames, 1U);
  EXPECT_EQ(stats.bytes, 4U);
  EXPECT_EQ(stats.closed[static_cast<size_t>(CloseReason::kSlowConsumer)], 1U);
}

}  // namespace
}  // namespace stream_llm
