#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/engine.h"
#include "src/io/clock.h"
#include "src/wire/event_writer.h"
#include "test/engine/choices.h"
#include "test/engine/engine_socket_fixture.h"

namespace stream_llm {
namespace {

constexpr size_t kUnlimited = size_t{1} << 30;

// One channel with a history, of sessions that are pulled.
class EngineHistoryTest : public testing::Test {
 protected:
  EngineHistoryTest() : channel_(engine_.NewChannel()) {}

  SessionId Open(const SessionOptions& options = {}) { return engine_.OpenSession(options, now_); }
  // Sends a letter to all that have joined, and keeps it.
  void Broadcast(std::string_view letters) {
    for (const char letter : letters) {
      const FrameRef frame = FormatRaw({&letter, 1});
      ASSERT_TRUE(engine_.Broadcast(channel_, frame, now_));
      engine_.Keep(channel_, frame, {&letter, 1}, ++order_, now_);
    }
  }
  uint64_t Replay(SessionId id, uint64_t from, uint64_t until = UINT64_MAX,
                  size_t budget = kUnlimited) {
    return engine_.Replay(channel_, id, from, until, budget, now_);
  }
  std::string Take(SessionId id) {
    std::string taken(1000, '\0');
    taken.resize(engine_.Take(id, taken, now_));
    engine_.Take(id, {}, now_);
    return taken;
  }

  uint64_t now_ = 1000;
  uint64_t order_ = 0;
  Engine engine_{now_};
  const ChannelId channel_;
};

TEST_F(EngineHistoryTest, ReplaysWhatIsHeldThenGoesLiveWithNothingBetween) {
  engine_.OpenHistory(channel_, {});
  const SessionId id = Open();
  Broadcast("abc");
  EXPECT_EQ(Replay(id, 2), 4U);
  engine_.Join(channel_, id);
  Broadcast("de");
  EXPECT_EQ(Take(id), "bcde");
}

TEST_F(EngineHistoryTest, ReplaysUntilWhereItIsTold) {
  engine_.OpenHistory(channel_, {});
  const SessionId id = Open();
  Broadcast("abcd");
  EXPECT_EQ(Replay(id, 1, 3), 3U);
  EXPECT_EQ(Replay(id, 3, 3), 3U);
  EXPECT_EQ(Take(id), "ab");
}

TEST_F(EngineHistoryTest, BeginsWithTheOldestHeldWhereItIsAskedForMore) {
  engine_.OpenHistory(channel_, {.max_events = 2});
  const SessionId id = Open();
  Broadcast("abcd");
  EXPECT_EQ(Replay(id, 0), 5U);
  EXPECT_EQ(Take(id), "cd");
}

TEST_F(EngineHistoryTest, SendsNoMoreThanTheBudgetWithWhatEachFrameTakes) {
  engine_.OpenHistory(channel_, {});
  const SessionId id = Open();
  Broadcast("abcdef");
  constexpr size_t kCost = 1 + Outbox::kFrameOverhead;
  EXPECT_EQ(Replay(id, 1, UINT64_MAX, 3 * kCost), 4U);
  EXPECT_EQ(Replay(id, 4, UINT64_MAX, kCost - 1), 4U);
  EXPECT_EQ(Replay(id, 4, UINT64_MAX, 2 * kCost - 1), 5U);
  EXPECT_EQ(Take(id), "abcd");
}

TEST_F(EngineHistoryTest, SendsTheFirstWhateverItTakesWhereNothingWaits) {
  engine_.OpenHistory(channel_, {});
  const SessionId id = Open();
  Broadcast("abc");
  EXPECT_EQ(Replay(id, 1, UINT64_MAX, 0), 2U);
  EXPECT_EQ(Replay(id, 2, UINT64_MAX, 0), 2U);
  EXPECT_EQ(Take(id), "a");
  EXPECT_EQ(Replay(id, 2, UINT64_MAX, 0), 3U);
  EXPECT_EQ(Take(id), "b");
}

TEST_F(EngineHistoryTest, LetsGoOfWhatIsTooOldWhenItIsLookedAtAndByItsTimers) {
  engine_.OpenHistory(channel_, {.max_age_ms = 100});
  Broadcast("a");
  ASSERT_TRUE(engine_.NextWakeUp().has_value());
  EXPECT_LE(*engine_.NextWakeUp(), 1100U);
  now_ = 1050;
  Broadcast("b");
  EXPECT_EQ(engine_.FindHistory(channel_, 1100)->first(), 2U);
  engine_.Advance(1150);
  EXPECT_EQ(engine_.NextWakeUp(), std::nullopt);
  EXPECT_EQ(engine_.FindHistory(channel_, 1150)->end(), 3U);
  EXPECT_EQ(engine_.FindHistory(channel_, 1150)->bytes(), 0U);
}

TEST_F(EngineHistoryTest, ATimerOfASessionIsNotLostBehindOneOfAHistory) {
  engine_.OpenHistory(channel_, {.max_age_ms = 5000});
  Broadcast("a");
  Open({.keep_alive_ms = 50});
  EXPECT_LE(*engine_.NextWakeUp(), 1050U);
}

TEST_F(EngineHistoryTest, DoesNothingWithoutAHistoryOrASession) {
  const SessionId id = Open();
  Broadcast("a");
  EXPECT_EQ(engine_.FindHistory(channel_, now_), nullptr);
  EXPECT_EQ(Replay(id, 1, 2), 2U);
  EXPECT_EQ(Take(id), "");
  engine_.CloseHistory(channel_);
  engine_.OpenHistory(channel_, {});
  Broadcast("b");
  EXPECT_EQ(Replay(id + 16, 1), 2U);
  engine_.CloseHistory(channel_);
  Broadcast("c");
  EXPECT_EQ(engine_.FindHistory(channel_, now_), nullptr);
}

// A client that counts, and comes back for what it lacks. Events are numbers, each ended by ";".
struct CountingClient {
  SessionId session = 0;  // 0: it is away.
  uint64_t next = 1;      // What it has to get next.
  std::string tail;       // Of a number that has not come whole.

  void Get(std::string_view bytes) {
    tail += bytes;
    for (size_t at = 0; (at = tail.find(';')) != std::string::npos;) {
      ASSERT_EQ(std::stoull(tail.substr(0, at)), next);
      ++next;
      tail.erase(0, at + 1);
    }
  }
};

class EngineHistoryModelTest : public EngineHistoryTest,
                               public testing::WithParamInterface<uint64_t> {
 protected:
  EngineHistoryModelTest() { engine_.OpenHistory(channel_, {.max_events = 50}); }

  void Broadcast() {
    const std::string id = std::to_string(++order_);
    const FrameRef frame = FormatRaw(id + ";");
    ASSERT_TRUE(engine_.Broadcast(channel_, frame, now_));
    engine_.Keep(channel_, frame, id, order_, now_);
  }
  void Come(CountingClient* client) {
    if (client->session != 0) return;
    const History& history = *engine_.FindHistory(channel_, now_);
    client->next = std::max(client->next, history.first());
    client->session = Open();
    ASSERT_EQ(Replay(client->session, client->next), history.end());
    engine_.Join(channel_, client->session);
  }
  void Take(CountingClient* client, size_t size) {
    std::string taken(size, '\0');
    taken.resize(engine_.Take(client->session, taken, now_));
    client->Get(taken);
  }
  void Go(CountingClient* client) {
    engine_.CloseSession(std::exchange(client->session, 0));
    client->tail.clear();
  }
};

TEST_P(EngineHistoryModelTest, ClientsThatComeAndGoMissNothingAndGetNothingTwice) {
  SeededChoices choices(GetParam(), 2000);
  std::vector<CountingClient> clients(4);
  while (choices.More()) {
    CountingClient& client = clients[choices.Below(clients.size())];
    switch (choices.Below(4)) {
      case 0:
        Broadcast();
        break;
      case 1:
        Come(&client);
        break;
      case 2:
        Take(&client, 1 + choices.Below(200));
        break;
      default:
        if (choices.OneIn(5)) Go(&client);
    }
    if (HasFatalFailure()) return;
  }
  for (CountingClient& client : clients) {
    if (client.session == 0) continue;
    Take(&client, kUnlimited >> 10);
    EXPECT_EQ(client.next, order_ + 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, EngineHistoryModelTest, testing::Range<uint64_t>(0, 20));

class EngineSocketHistoryTest : public EngineSocketTest {};

// The replay and the joining are commands in one mailbox, which the thread reads in order.
TEST_F(EngineSocketHistoryTest, ReplaysThenGoesLiveWhateverIsBroadcastRoundAboutIt) {
  Start(2);
  const ChannelId channel = engine_->NewChannel();
  engine_->OpenHistory(channel, {});
  uint64_t sent = 0;
  std::string all;
  const auto broadcast = [&] {
    const std::string id = std::to_string(++sent);
    const FrameRef frame = FormatRaw(id + ";");
    ASSERT_TRUE(engine_->Broadcast(channel, frame, SteadyMilliseconds()));
    engine_->Keep(channel, frame, id, sent, SteadyMilliseconds());
    all += id + ";";
  };
  std::vector<Connection> connections;
  for (int i = 0; i < 20; ++i) {
    for (int j = 0; j < 50; ++j) broadcast();
    connections.push_back(ConnectTcp());
    const SessionId id = Attach(connections.back());
    EXPECT_EQ(engine_->Replay(channel, id, 1, UINT64_MAX, kUnlimited, SteadyMilliseconds()),
              sent + 1);
    engine_->Join(channel, id);
    for (int j = 0; j < 50; ++j) broadcast();
  }
  for (const Connection& connection : connections) {
    EXPECT_EQ(Receive(connection.client, all.size()), all);
  }
}

TEST_F(EngineSocketHistoryTest, CountsWhatIsOnItsWayForTheBudget) {
  Start();
  const Connection connection = ConnectTcp();
  const ChannelId channel = engine_->NewChannel();
  engine_->OpenHistory(channel, {});
  const FrameRef frame = FormatRaw(std::string(1000, 'x'));
  for (uint64_t i = 1; i <= 3; ++i) {
    engine_->Keep(channel, frame, std::to_string(i), i, SteadyMilliseconds());
  }
  const SessionId id = Attach(connection);
  const auto replay = [&](uint64_t from) {
    return engine_->Replay(channel, id, from, UINT64_MAX, 1, SteadyMilliseconds());
  };
  EXPECT_EQ(replay(1), 2U);
  Settle();
  EXPECT_EQ(replay(2), 3U);
  EXPECT_EQ(Receive(connection.client, 2000), std::string(2000, 'x'));
}

}  // namespace
}  // namespace stream_llm
