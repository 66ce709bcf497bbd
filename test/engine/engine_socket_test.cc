#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <set>
#include <string>
#include <vector>

#include "src/engine.h"
#include "test/engine/engine_socket_fixture.h"

namespace stream_llm {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(EngineSocketTest, WithoutASocketThereIsNoThread) {
  const size_t before = OpenDescriptors();
  Engine engine(SteadyMilliseconds());
  const SessionId id = engine.OpenSession({}, SteadyMilliseconds());
  EXPECT_TRUE(engine.Send(id, FormatRaw("x"), SteadyMilliseconds()));
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(EngineSocketTest, SendsInChunksOrNot) {
  Start();
  const Connection raw = ConnectTcp();
  const Connection chunked = ConnectTcp();
  const ChannelId channel = engine_->NewChannel();
  engine_->Join(channel, Attach(raw));
  engine_->Join(channel, Attach(chunked, {.framing = Framing::kChunked}));
  Broadcast(channel, "data:Hi\n\n");
  EXPECT_EQ(Receive(raw.client, 9), "data:Hi\n\n");
  EXPECT_EQ(Receive(chunked.client, 14), "9\r\ndata:Hi\n\n\r\n");
}

TEST_F(EngineSocketTest, BothLanesGetABroadcast) {
  Start();
  const Connection connection = ConnectTcp();
  const uint64_t now = SteadyMilliseconds();
  const SessionId pulled = engine_->OpenSession({}, now);
  const ChannelId channel = engine_->NewChannel();
  engine_->Join(channel, pulled);
  engine_->Join(channel, Attach(connection));
  Broadcast(channel, "for all;");
  EXPECT_EQ(Receive(connection.client, 8), "for all;");
  std::string taken(100, '\0');
  taken.resize(engine_->Take(pulled, taken, now));
  EXPECT_EQ(taken, "for all;");
}

TEST_F(EngineSocketTest, AMulticastReachesThoseNamedOnEveryLane) {
  Start(3);
  const uint64_t now = SteadyMilliseconds();
  const SessionId pulled = engine_->OpenSession({}, now);
  std::vector<Connection> connections;
  std::vector<SessionId> even{pulled, 0, 12345678};
  for (int i = 0; i < 12; ++i) {
    connections.push_back(ConnectUnix());
    const SessionId id = Attach(connections.back());
    if (i % 2 == 0) even.push_back(id);
  }
  Multicast(even, "even;");
  Settle();
  for (size_t i = 0; i < connections.size(); ++i) {
    EXPECT_EQ(ReceiveSome(connections[i].client), i % 2 == 0 ? "even;" : "");
  }
  EXPECT_EQ(engine_->BufferedBytes(pulled), 5U);
}

TEST_F(EngineSocketTest, KeepsTheOrderOnEveryThread) {
  Start(4);
  const ChannelId channel = engine_->NewChannel();
  std::vector<Connection> connections;
  std::vector<SessionId> ids;
  for (int i = 0; i < 8; ++i) {
    connections.push_back(ConnectUnix());
    ids.push_back(Attach(connections.back()));
    engine_->Join(channel, ids.back());
  }
  std::vector<std::string> expected(ids.size());
  for (int round = 0; round < 50; ++round) {
    const std::string number = std::to_string(round) + ";";
    Broadcast(channel, "b" + number);
    Multicast(ids, "m" + number);
    for (size_t i = 0; i < ids.size(); ++i) {
      Send(ids[i], "s" + number);
      expected[i] += "b" + number + "m" + number + "s" + number;
    }
  }
  for (const SessionId id : ids) engine_->EndSession(id);
  Broadcast(channel, "too late");
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(notices_.Await(ids[i], NoticeKind::kEnded), 0U);
    EXPECT_EQ(ReceiveSome(connections[i].client), expected[i]);
  }
}

TEST_F(EngineSocketTest, SessionsAreSpreadOverTheThreads) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  StartWith({.io_threads = 3, .on_notices = [&] {
               const std::lock_guard lock(mutex);
               threads.insert(std::this_thread::get_id());
               notices_.teller()();
             }});
  Settle();
  Stop();
  EXPECT_EQ(threads.size(), 3U);
}

TEST_F(EngineSocketTest, MoreThreadsThanThereAreLanesAreNotStarted) {
  const size_t before = OpenDescriptors();
  Engine engine(SteadyMilliseconds(), {.io_threads = 1'000'000, .on_notices = [] {}});
  const Connection connection = ConnectUnix();
  ASSERT_TRUE(engine.AttachSocket(connection.server.get(), {}));
  EXPECT_LE(OpenDescriptors(), before + 3 + 2 * Engine::kMostIoThreads);
}

TEST_F(EngineSocketTest, AttachesAgainWithFewerThreadsThanBefore) {
  Start(3);
  const Connection before = ConnectUnix();
  Attach(before);
  Attach(before);
  engine_->StopIoThreads();
  const Connection after = ConnectUnix();
  const auto limit = DescriptorLimit::Spare(3);
  Send(Attach(after), "here");
  EXPECT_EQ(Receive(after.client, 4), "here");
}

TEST_F(EngineSocketTest, DrainedIsToldWhenNothingWaits) {
  Start();
  size_t filler = 0;
  const Connection connection = ConnectFull(&filler);
  const SessionId id = Attach(connection);
  Send(id, "waits");
  engine_->AwaitDrain(id);
  Settle();
  EXPECT_THAT(notices_.KindsOf(id), IsEmpty());
  EXPECT_EQ(engine_->BufferedBytes(id), 5U);

  EXPECT_EQ(Receive(connection.client, filler + 5).substr(filler), "waits");
  EXPECT_EQ(notices_.Await(id, NoticeKind::kDrained), 1U);
  EXPECT_EQ(engine_->BufferedBytes(id), 0U);
}

TEST_F(EngineSocketTest, BufferedBytesCountWhatWaitsInTheOutbox) {
  Start();
  size_t filler = 0;
  const Connection connection = ConnectFull(&filler);
  const SessionId id = Attach(connection, {.framing = Framing::kChunked});
  EXPECT_EQ(engine_->BufferedBytes(id), 0U);
  Send(id, "12345");
  EXPECT_GE(engine_->BufferedBytes(id), 5U);
  Multicast({id}, "123");
  Settle();
  EXPECT_EQ(engine_->BufferedBytes(id), Chunked("12345").size() + Chunked("123").size());
  engine_->CloseSession(id);
  EXPECT_EQ(engine_->BufferedBytes(id), 0U);
}

// What was sent waits either for the thread or in the outbox; JavaScript must never see it nowhere.
TEST_F(EngineSocketTest, BufferedBytesNeverMissWhatIsOnItsWay) {
  Start();
  size_t filler = 0;
  const Connection connection = ConnectFull(&filler);
  const SessionId id = Attach(connection, {.max_buffered_bytes = 64 << 20});
  for (size_t sent = 1; sent <= 20'000; ++sent) {
    Send(id, "x");
    for (int i = 0; i < 20; ++i) ASSERT_GE(engine_->BufferedBytes(id), sent);
  }
  Settle();
  EXPECT_EQ(engine_->BufferedBytes(id), 20'000U);
}

TEST_F(EngineSocketTest, StatsCountBothLanes) {
  Start(2);
  const uint64_t now = SteadyMilliseconds();
  const ChannelId channel = engine_->NewChannel();
  engine_->Join(channel, engine_->OpenSession({}, now));
  std::vector<Connection> connections;
  std::vector<SessionId> ids;
  for (int i = 0; i < 4; ++i) {
    connections.push_back(ConnectUnix());
    ids.push_back(Attach(connections.back()));
    engine_->Join(channel, ids.back());
  }
  Broadcast(channel, "12345");
  Settle();
  EngineStats stats = engine_->Stats();
  EXPECT_EQ(stats.pulled_sessions, 1U);
  EXPECT_EQ(stats.socket_sessions, 4U + 2U);  // With the probes.
  EXPECT_EQ(stats.frames, 4U);
  EXPECT_EQ(stats.bytes, 20U);
  EXPECT_EQ(stats.sends, 4U);
  EXPECT_THAT(stats.closed, Each(0U));

  engine_->CloseSession(ids[0]);
  connections[1].client = Descriptor();
  Broadcast(channel, "12345");
  Settle();
  stats = engine_->Stats();
  EXPECT_EQ(stats.socket_sessions, 2U + 2U);
  EXPECT_THAT(stats.closed, ElementsAre(0U, 0U, 1U, 0U));
}

TEST_F(EngineSocketTest, NothingIsSentToAnyoneWhenAThreadIsFarBehind) {
  std::latch held(1);
  std::latch released(1);
  StartWith({.io_threads = 2, .on_notices = [&] {
               if (!held.try_wait()) {
                 held.count_down();
                 released.wait();
               }
               notices_.teller()();
             }});
  const Connection connection = ConnectUnix();
  const SessionId id = Attach(connection);
  const Connection other = ConnectUnix();  // Of the thread that keeps up.
  const SessionId other_id = Attach(other);
  const uint64_t now = SteadyMilliseconds();
  const SessionId pulled = engine_->OpenSession({}, now);
  const ChannelId all = engine_->NewChannel();
  for (const SessionId member : {id, other_id, pulled}) engine_->Join(all, member);
  engine_->AwaitDrain(id);
  held.wait();

  const FrameRef large = FormatRaw(std::string(1 << 20, 'x'));
  const ChannelId nobody = engine_->NewChannel();
  size_t broadcasts = 0;
  while (engine_->Broadcast(nobody, large, now)) ++broadcasts;
  EXPECT_EQ(broadcasts, IoThread::kMostPostedBytes >> 20);
  const size_t buffered = engine_->BufferedBytes(id);
  EXPECT_FALSE(engine_->Send(id, large, now));
  EXPECT_FALSE(engine_->Broadcast(all, large, now));
  EXPECT_FALSE(engine_->Multicast(std::vector{pulled, other_id, id}, large, now));
  EXPECT_EQ(engine_->BufferedBytes(id), buffered);
  EXPECT_EQ(engine_->BufferedBytes(pulled), 0U);
  engine_->AwaitDrain(other_id);  // It has had as much to read.
  ASSERT_TRUE(notices_.Await(other_id, NoticeKind::kDrained));
  EXPECT_TRUE(engine_->Multicast(std::vector{pulled, other_id}, FormatRaw("not behind;"), now));

  released.count_down();
  Settle();
  Send(id, "only this");
  Settle();
  EXPECT_EQ(ReceiveSome(connection.client), "only this");
  EXPECT_EQ(ReceiveSome(other.client), "not behind;");
  EXPECT_EQ(engine_->BufferedBytes(pulled), std::string_view("not behind;").size());
}

TEST_F(EngineSocketTest, WhatIsSentToASessionThatHasGoneDoesNotReachItsThread) {
  std::latch held(1);
  std::latch released(1);
  StartWith({.io_threads = 1, .on_notices = [&] {
               if (!held.try_wait()) {
                 held.count_down();
                 released.wait();
               }
               notices_.teller()();
             }});
  const Connection connection = ConnectUnix();
  const SessionId id = Attach(connection);
  engine_->AwaitDrain(id);
  held.wait();

  engine_->CloseSession(id);
  const FrameRef large = FormatRaw(std::string(1 << 20, 'x'));
  const size_t most = IoThread::kMostPostedBytes >> 20;
  for (size_t sent = 0; sent < 2 * most; ++sent) {
    ASSERT_TRUE(engine_->Send(id, large, SteadyMilliseconds()));
  }
  EXPECT_TRUE(engine_->Broadcast(engine_->NewChannel(), large, SteadyMilliseconds()));
  released.count_down();
  Settle();
}

}  // namespace
}  // namespace stream_llm
