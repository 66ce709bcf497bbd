#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "src/engine.h"
#include "test/engine/engine_socket_fixture.h"

namespace stream_llm {
namespace {

constexpr int kSteps = 4000;
constexpr size_t kMostPeers = 60;
constexpr size_t kChannels = 3;

// A client and what its session was sent. Every event names its receiver and its number, so that
// none can pass for another.
struct Peer {
  Connection connection;
  SessionId id = 0;
  size_t filler = 0;
  std::string secret;
  std::string expected;
  std::string received;
  std::vector<bool> joined = std::vector<bool>(kChannels);

  std::string NextEvent(const std::string& text) const {
    return secret + "#" + std::to_string(expected.size()) + ":" + text + ";";
  }
};

// Sessions that come, go, stall and vanish at random, on several threads.
class EngineSocketRandomTest : public EngineSocketTest,
                               public ::testing::WithParamInterface<unsigned> {
 protected:
  size_t Random(size_t limit) {
    return std::uniform_int_distribution<size_t>(0, limit - 1)(random_);
  }
  Peer& RandomPeer() { return *peers_[Random(peers_.size())]; }

  void Step() {
    if (peers_.empty() || (peers_.size() < kMostPeers && Random(10) == 0)) return AttachPeer();
    switch (Random(12)) {
      case 0:
        return EndPeer();
      case 1:
        return Random(3) == 0 ? ClosePeer() : Read(&RandomPeer());
      case 2:
        return Random(3) == 0 ? VanishPeer() : Read(&RandomPeer());
      case 3:
        return ChangeChannel();
      case 4:
      case 5:
        return SendToChannel();
      case 6:
        return SendToSome();
      default:
        return SendToOne();
    }
  }

  void AttachPeer() {
    auto peer = std::make_unique<Peer>();
    peer->secret = "peer " + std::to_string(++attached_);
    switch (Random(3)) {
      case 0:
        peer->connection = ConnectFull(&peer->filler);
        break;
      case 1:
        peer->connection = ConnectTcp();
        break;
      default:
        peer->connection = ConnectUnix();
    }
    // Some hardly ever read: there is room for all that waits.
    peer->id = Attach(peer->connection, {.keep_alive_ms = 0, .max_buffered_bytes = 64 << 20});
    peers_.push_back(std::move(peer));
  }

  void SendToOne() {
    Peer& peer = RandomPeer();
    const std::string event = peer.NextEvent(std::string(Random(2000), 'x'));
    Send(peer.id, event);
    peer.expected += event;
  }

  void SendToChannel() {
    const size_t channel = Random(kChannels);
    const std::string event = "all of " + std::to_string(channel) + "#" + NextNumber();
    Broadcast(channels_[channel], event);
    for (const auto& peer : peers_) {
      if (peer->joined[channel]) peer->expected += event;
    }
  }

  void SendToSome() {
    std::vector<SessionId> some;
    const std::string event = "some#" + NextNumber();
    for (const auto& peer : peers_) {
      if (Random(2) == 0) continue;
      some.push_back(peer->id);
      peer->expected += event;
    }
    Multicast(some, event);
  }

  void ChangeChannel() {
    Peer& peer = RandomPeer();
    const size_t channel = Random(kChannels);
    if (peer.joined[channel]) {
      engine_->Leave(channels_[channel], peer.id);
    } else {
      engine_->Join(channels_[channel], peer.id);
    }
    peer.joined[channel] = !peer.joined[channel];
  }

  // Node closes its descriptor at once: the next peer often gets the number, while bytes wait.
  std::unique_ptr<Peer> TakePeer() {
    const auto position = peers_.begin() + static_cast<std::ptrdiff_t>(Random(peers_.size()));
    auto peer = std::move(*position);
    peers_.erase(position);
    peer->connection.server = Descriptor();
    return peer;
  }

  void EndPeer() {
    auto peer = TakePeer();
    engine_->EndSession(peer->id);
    ended_.push_back(std::move(peer));
  }

  void ClosePeer() {
    auto peer = TakePeer();
    engine_->CloseSession(peer->id);
    peer->received += ReceiveAll(peer->connection.client);
    ExpectPrefix(*peer);
  }

  void VanishPeer() {
    auto peer = TakePeer();
    Reset(&peer->connection);
    Send(peer->id, "to nobody");
    if (Random(2) == 0) engine_->CloseSession(peer->id);
  }

  void Read(Peer* peer) {
    peer->received += ReceiveSome(peer->connection.client);
    ExpectPrefix(*peer);
  }

  static void ExpectPrefix(const Peer& peer) {
    const size_t events = peer.received.size() - std::min(peer.received.size(), peer.filler);
    ASSERT_LE(events, peer.expected.size()) << peer.secret;
    ASSERT_EQ(peer.received.substr(peer.received.size() - events), peer.expected.substr(0, events));
  }

  std::string NextNumber() { return std::to_string(++number_) + ";"; }

  std::mt19937 random_{GetParam()};
  std::vector<ChannelId> channels_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<std::unique_ptr<Peer>> ended_;
  size_t attached_ = 0;
  size_t number_ = 0;
};

INSTANTIATE_TEST_SUITE_P(, EngineSocketRandomTest, ::testing::Values(1U, 2U, 3U));

TEST_P(EngineSocketRandomTest, EveryPeerGetsItsOwnEventsInOrder) {
  Start(3);
  for (size_t i = 0; i < kChannels; ++i) channels_.push_back(engine_->NewChannel());
  for (int step = 0; step < kSteps; ++step) {
    ASSERT_NO_FATAL_FAILURE(Step());
    if (step % 100 == 0) notices_.CollectNow();
  }
  while (!peers_.empty()) EndPeer();
  for (const auto& peer : ended_) {
    peer->received += ReceiveAll(peer->connection.client);
    ASSERT_EQ(peer->received.size(), peer->filler + peer->expected.size());
    ExpectPrefix(*peer);
    EXPECT_EQ(notices_.Await(peer->id, NoticeKind::kEnded), 0U);
  }
}

}  // namespace
}  // namespace stream_llm
