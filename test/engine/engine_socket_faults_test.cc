#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "src/engine.h"
#include "test/engine/engine_socket_fixture.h"

namespace stream_llm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

uint64_t NumberOf(CloseReason reason) { return static_cast<uint64_t>(reason); }

// Node closes its descriptor whenever it likes; the next client's often gets the same number.
TEST_F(EngineSocketTest, NoByteCrossesWhenADescriptorNumberIsUsedAgain) {
  Start();
  size_t filler = 0;
  Connection first = ConnectFull(&filler);
  const int number = first.server.get();
  const SessionId first_id = Attach(first);
  Send(first_id, "the first one's secret;");
  Settle();

  first.server = Descriptor();
  Connection second = ConnectUnix();
  ASSERT_EQ(second.server.get(), number) << "the number is not used again";
  Send(first_id, "and another;");
  const SessionId second_id = Attach(second);
  Send(second_id, "the second one's;");
  EXPECT_EQ(Receive(first.client, filler + 35).substr(filler),
            "the first one's secret;and another;");
  Settle();
  EXPECT_EQ(ReceiveSome(second.client), "the second one's;");

  // Nor when the second one goes first.
  second.server = Descriptor();
  engine_->CloseSession(second_id);
  const Connection third = ConnectUnix();
  Send(first_id, "more;");
  Send(second_id, "nobody's;");
  Settle();
  EXPECT_EQ(ReceiveSome(first.client), "more;");
  EXPECT_EQ(ReceiveAll(second.client), "");
  EXPECT_EQ(ReceiveSome(third.client), "");
}

TEST_F(EngineSocketTest, NumbersUsedAgainAtOnceManyTimesStillCarryNoByteAcross) {
  Start(2);
  std::vector<Connection> stalled;
  std::vector<size_t> fillers;
  std::vector<std::string> secrets;
  for (int i = 0; i < 300; ++i) {
    fillers.push_back(0);
    Connection connection = ConnectFull(&fillers.back());
    const SessionId id = Attach(connection);
    secrets.push_back("secret " + std::to_string(i));
    Send(id, secrets.back());
    engine_->EndSession(id);
    // Its number is the next one's, while its bytes wait.
    connection.server = Descriptor();
    stalled.push_back(std::move(connection));
  }
  for (size_t i = 0; i < stalled.size(); ++i) {
    EXPECT_EQ(ReceiveAll(stalled[i].client).substr(fillers[i]), secrets[i]);
  }
}

TEST_F(EngineSocketTest, ThousandsOfClientsVanishAtOnce) {
  const auto limit = DescriptorLimit::Highest();
  // Each takes three descriptors.
  const size_t many = std::min<size_t>(5000, (limit.value() - 100) / 3);
  Start(2);
  const Connection healthy = ConnectTcp();
  const ChannelId channel = engine_->NewChannel();
  engine_->Join(channel, Attach(healthy));
  std::vector<Connection> connections;
  std::vector<SessionId> ids;
  for (size_t i = 0; i < many; ++i) {
    connections.push_back(ConnectUnix());
    ids.push_back(Attach(connections.back()));
    engine_->Join(channel, ids.back());
  }
  Broadcast(channel, "1;");
  for (Connection& connection : connections) connection.client = Descriptor();
  Broadcast(channel, "2;");
  Broadcast(channel, "3;");
  for (const SessionId id : ids) {
    ASSERT_EQ(notices_.Await(id, NoticeKind::kClosed), NumberOf(CloseReason::kConnectionReset));
  }
  Broadcast(channel, "4;");
  EXPECT_EQ(Receive(healthy.client, 8), "1;2;3;4;");
  EXPECT_EQ(engine_->Stats().closed[NumberOf(CloseReason::kConnectionReset)], many);
  Settle();
  EXPECT_EQ(engine_->Stats().socket_sessions, 1U + 2U);  // With the probes.
}

// See DescriptorLimit.
void AttachOnce(int fd) { EXPECT_TRUE(Engine(SteadyMilliseconds()).AttachSocket(fd, {})); }

TEST_F(EngineSocketTest, WithoutDescriptorsAnAttachFailsAndLeaksNothing) {
  const Connection connection = ConnectUnix();
  AttachOnce(connection.server.get());
  Engine engine(SteadyMilliseconds());
  const size_t before = OpenDescriptors();
  // None for the duplicate; then none, or only one, for the poller.
  for (const size_t spare : {0U, 1U, 2U}) {
    {
      const auto limit = DescriptorLimit::Spare(spare);
      errno = 0;
      EXPECT_FALSE(engine.AttachSocket(connection.server.get(), {}));
      EXPECT_EQ(errno, EMFILE);
    }
    EXPECT_EQ(OpenDescriptors(), before);
  }
  const auto id = engine.AttachSocket(connection.server.get(), {});
  ASSERT_TRUE(id);
  EXPECT_TRUE(engine.Send(*id, FormatRaw("now"), SteadyMilliseconds()));
  EXPECT_EQ(Receive(connection.client, 3), "now");
}

TEST_F(EngineSocketTest, WithFewDescriptorsItMakesDoWithFewerThreads) {
  const Connection connection = ConnectUnix();
  AttachOnce(connection.server.get());
  Engine engine(SteadyMilliseconds(), {.io_threads = 4, .on_notices = [] {}});
  const auto limit = DescriptorLimit::Spare(3);
  const auto id = engine.AttachSocket(connection.server.get(), {});
  ASSERT_TRUE(id);
  EXPECT_TRUE(engine.Send(*id, FormatRaw("alone"), SteadyMilliseconds()));
  EXPECT_EQ(Receive(connection.client, 5), "alone");
  errno = 0;
  EXPECT_FALSE(engine.AttachSocket(connection.server.get(), {}));
  EXPECT_EQ(errno, EMFILE);
}

TEST_F(EngineSocketTest, AClosedDescriptorCannotBeAttached) {
  Start();
  const int closed = ConnectUnix().server.get();
  EXPECT_FALSE(engine_->AttachSocket(closed, {}));
  EXPECT_EQ(errno, EBADF);
  EXPECT_FALSE(engine_->AttachSocket(-1, {}));
}

TEST_F(EngineSocketTest, AStalledClientCostsItsLimitAndNobodyElseAnything) {
  constexpr size_t kLimit = 256 << 10;
  constexpr int kEvents = 200;
  Start();
  const ChannelId channel = engine_->NewChannel();
  const Connection stalled = ConnectNarrow();
  const SessionId stalled_id =
      Attach(stalled, {.max_buffered_bytes = kLimit, .slow_consumer = SlowConsumer::kDropOldest});
  const Connection healthy = ConnectTcp();
  const SessionId healthy_id = Attach(healthy, {.max_buffered_bytes = kLimit});
  engine_->Join(channel, stalled_id);
  engine_->Join(channel, healthy_id);

  const std::string event(32 << 10, 'e');
  const std::jthread reader([&] {
    EXPECT_EQ(Receive(healthy.client, kEvents * event.size()).size(), kEvents * event.size());
  });
  for (int i = 0; i < kEvents; ++i) {
    Broadcast(channel, event);
    engine_->AwaitDrain(healthy_id);
    ASSERT_TRUE(notices_.Await(healthy_id, NoticeKind::kDrained));
    EXPECT_THAT(notices_.KindsOf(healthy_id), ElementsAre(NoticeKind::kDrained));
    notices_.Forget(healthy_id);
    // One event more: the first cannot be dropped, a part of it has been sent.
    ASSERT_LE(engine_->BufferedBytes(stalled_id), kLimit + event.size());
  }
  EXPECT_GE(notices_.Sum(stalled_id, NoticeKind::kDropped), kEvents - 2 * kLimit / event.size());
}

TEST_F(EngineSocketTest, TellsOnceOfWhatWasDroppedInSeveralTurns) {
  constexpr uint64_t kDropped = 5;
  Start();
  size_t filler = 0;
  const Connection connection = ConnectFull(&filler);
  const SessionId id =
      Attach(connection, {.max_buffered_bytes = 100, .slow_consumer = SlowConsumer::kDropNewest});
  Send(id, "waits");
  for (uint64_t dropped = 1; dropped <= kDropped; ++dropped) {
    Send(id, "too much");
    ASSERT_TRUE(Eventually([&] { return engine_->Stats().dropped == dropped; }));
  }
  EXPECT_EQ(notices_.Await(id, NoticeKind::kDropped), kDropped);
  EXPECT_THAT(notices_.KindsOf(id), ElementsAre(NoticeKind::kDropped));
}

TEST_F(EngineSocketTest, OfASessionThatWasGivenUpNothingWaitsEvenBeforeItsOwnerKnows) {
  constexpr auto kSlow = static_cast<size_t>(CloseReason::kSlowConsumer);
  Start();
  size_t filler = 0;
  const Connection connection = ConnectFull(&filler);
  const SessionId id = Attach(connection, {.max_buffered_bytes = 100});
  Send(id, "0123456789");
  Send(id, "too much");
  ASSERT_TRUE(Eventually([&] { return engine_->Stats().closed[kSlow] == 1; }));
  Send(id, "on its way to nobody");
  EXPECT_EQ(engine_->BufferedBytes(id), 0U);
}

TEST_F(EngineSocketTest, OfASessionThatWasGivenUpNothingWaits) {
  Start();
  size_t filler = 0;
  const Connection connection = ConnectFull(&filler);
  const SessionId id = Attach(connection, {.max_buffered_bytes = 10});
  Send(id, "0123456789");
  Send(id, "too much");
  EXPECT_EQ(notices_.Await(id, NoticeKind::kClosed), NumberOf(CloseReason::kSlowConsumer));
  EXPECT_EQ(engine_->BufferedBytes(id), 0U);
  Send(id, "to nobody");
  EXPECT_EQ(engine_->BufferedBytes(id), 0U);
}

TEST_F(EngineSocketTest, StoppedWithWritesPendingItFreesAllSessions) {
  Start(3);
  std::vector<Connection> connections;
  std::vector<SessionId> ids;
  size_t filler = 0;
  for (int i = 0; i < 30; ++i) {
    connections.push_back(i % 2 == 0 ? ConnectFull(&filler) : ConnectUnix());
    ids.push_back(Attach(connections.back()));
    Send(ids.back(), "last");
    if (i % 3 == 0) engine_->EndSession(ids.back());
  }
  engine_->StopIoThreads();
  EXPECT_EQ(ReceiveSome(connections[1].client), "last");
  EXPECT_EQ(engine_->BufferedBytes(ids[0]), 0U);
  for (Connection& connection : connections) {
    connection.server = Descriptor();
    ReceiveAll(connection.client);
  }
  // What still names them does nothing.
  Send(ids[0], "x");
  engine_->CloseSession(ids[1]);
  engine_->AwaitDrain(ids[2]);
  notices_.CollectNow();
}

TEST_F(EngineSocketTest, AttachesAgainAfterItWasStopped) {
  Start();
  const Connection before = ConnectUnix();
  const SessionId before_id = Attach(before);
  engine_->StopIoThreads();
  const Connection after = ConnectUnix();
  const SessionId after_id = Attach(after);
  EXPECT_NE(after_id, before_id);
  Send(before_id, "to nobody");
  Send(after_id, "here");
  EXPECT_EQ(Receive(after.client, 4), "here");
  EXPECT_EQ(ReceiveSome(before.client), "");
}

// As worker_threads have them: an engine each, come and gone at any moment.
TEST_F(EngineSocketTest, EnginesOfSeveralThreadsDoNotMeet) {
  std::vector<std::jthread> workers;
  for (int worker = 0; worker < 4; ++worker) {
    workers.emplace_back([worker] {
      const std::string secret = "secret " + std::to_string(worker);
      for (int round = 0; round < 20; ++round) {
        Engine engine(SteadyMilliseconds(), {.io_threads = 2, .on_notices = [] {}});
        const Connection connection = ConnectUnix();
        const auto id = engine.AttachSocket(connection.server.get(), {.keep_alive_ms = 1});
        ASSERT_TRUE(id && engine.Send(*id, FormatRaw(secret), SteadyMilliseconds()));
        if (round % 2 == 0) continue;
        EXPECT_EQ(Receive(connection.client, secret.size()), secret);
      }
    });
  }
}

TEST_F(EngineSocketTest, ASessionThatWasClosedTellsNothingOfItself) {
  Start();
  Connection connection = ConnectUnix();
  const SessionId id = Attach(connection);
  engine_->CloseSession(id);
  connection.client = Descriptor();
  Send(id, "x");
  engine_->AwaitDrain(id);
  engine_->EndSession(id);
  Settle();
  EXPECT_THAT(notices_.all(), IsEmpty());
}

}  // namespace
}  // namespace stream_llm
