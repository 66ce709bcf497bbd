#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/io/io_thread.h"
#include "test/engine/faulty_send.h"
#include "test/engine/io_thread_fixture.h"

namespace stream_llm {
namespace {

using faulty_send::Gate;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr ChannelId kChannel = 1;
constexpr SessionId kNobody = 999;

std::string Event(int number) { return "data:" + std::to_string(100 + number) + "\n\n"; }

// More is posted than the thread has executed, because it is held in its first send.
class IoThreadBurstTest : public IoThreadTest {
 protected:
  ~IoThreadBurstTest() override { Gate::Open(); }

  void StartHeld() {
    Gate::Close();
    Start(Gate::Send);
    Send(Attach(holding_), "x");
    ASSERT_TRUE(Gate::AwaitHeld());
  }

  const Connection holding_ = ConnectUnix();
};

INSTANTIATE_TEST_SUITE_P(, IoThreadBurstTest, EachPoller(), NameOfPoller);

TEST_P(IoThreadBurstTest, IsCoalescedWithoutAChangeInBytes) {
  for (const Framing framing : {Framing::kRaw, Framing::kChunked}) {
    StartHeld();
    const Connection connection = ConnectTcp();
    const SessionId id = Attach(connection, {.framing = framing});
    std::string expected;
    for (int i = 0; i < 1000; ++i) {
      expected += framing == Framing::kChunked ? Chunked(Event(i)) : Event(i);
      Send(id, Event(i));
    }
    Gate::Open();
    EXPECT_EQ(Receive(connection.client, expected.size()), expected);
    Settle();
    EXPECT_EQ(stats().frames.value(), 1 + 1000U);
    EXPECT_EQ(stats().bytes.value(), 1 + expected.size());
    EXPECT_EQ(stats().sends.value(), 1 + (1000 + Sink::kMostPieces - 1) / Sink::kMostPieces);
    Stop();
  }
}

TEST_P(IoThreadBurstTest, HasNoRoomWhenTheThreadIsFarBehind) {
  StartHeld();
  const FrameRef large = FormatRaw(std::string(1 << 20, 'x'));
  size_t posted = 0;
  for (; thread_->HasRoom(); ++posted) Send(kNobody, large);
  EXPECT_EQ(posted, IoThread::kMostPostedBytes >> 20);

  const Connection connection = ConnectUnix();
  const SessionId id = Attach(connection);  // What has no frame still passes.
  EXPECT_FALSE(thread_->HasRoom());

  Gate::Open();
  Settle();
  Send(id, "taken again;");
  Settle();
  EXPECT_EQ(ReceiveSome(connection.client), "taken again;");
}

// With a filter, a channel names every receiver of every event.
TEST_P(IoThreadBurstTest, CountsTheReceiversOfAMulticastToo) {
  StartHeld();
  const FrameRef frame = FormatRaw("small");
  const std::vector<SessionId> receivers(size_t{1} << 17, kNobody);
  size_t posted = 0;
  for (; posted < 1000 && thread_->HasRoom(); ++posted) Multicast(receivers, frame);
  EXPECT_EQ(posted, IoThread::kMostPostedBytes >> 20);
  Gate::Open();
  Settle();
  EXPECT_TRUE(thread_->HasRoom());
}

// All of it comes in one turn, and the client, whose socket has room, is not to blame for that.
TEST_P(IoThreadBurstTest, LosesNothingOfAFastClient) {
  for (const auto policy :
       {SlowConsumer::kDisconnect, SlowConsumer::kDropOldest, SlowConsumer::kDropNewest}) {
    StartHeld();
    const Connection fast = ConnectTcp();
    const SessionId id =
        Attach(fast, {.max_buffered_bytes = 5 * Event(0).size(), .slow_consumer = policy});
    std::string sent;
    for (int i = 0; i < 100; ++i) {
      Send(id, Event(i));
      sent += Event(i);
    }
    Gate::Open();
    Settle();
    EXPECT_EQ(ReceiveSome(fast.client), sent);
    EXPECT_THAT(notices_.KindsOf(id), IsEmpty());
    Stop();
  }
}

// It was slow once, has caught up since, and is not slow for what comes then.
TEST_P(IoThreadBurstTest, FindsRoomWhereAClientHasCaughtUp) {
  Start(Gate::Send);
  size_t filler = 0;
  const Connection connection = ConnectFull(&filler);
  const SessionId id = Attach(connection, {.max_buffered_bytes = 5 * Event(0).size()});
  std::string sent;
  for (int i = 0; i < 5; ++i) sent += Event(i);
  Send(id, sent);
  Settle();

  Gate::Close();
  Send(Attach(holding_), "x");
  ASSERT_TRUE(Gate::AwaitHeld());
  EXPECT_EQ(Receive(connection.client, filler).size(), filler);
  Send(id, "more;");
  Gate::Open();
  Settle();
  EXPECT_EQ(ReceiveSome(connection.client), sent + "more;");
  EXPECT_THAT(notices_.KindsOf(id), IsEmpty());
}

TEST_P(IoThreadBurstTest, TellsOnceOfEachClientThatHasGone) {
  StartHeld();
  const SessionOptions options{.max_buffered_bytes = 5 * Event(0).size()};
  const Connection kept = ConnectUnix();
  std::vector<SessionId> ids;
  for (int i = 0; i < 10; ++i) {
    ids.push_back(Attach(ConnectUnix(), options));
    if (i == 5) ids.push_back(Attach(kept, options));
  }
  for (const SessionId id : ids) Join(kChannel, {id});
  std::string sent;
  for (int i = 0; i < 100; ++i) {
    Broadcast(kChannel, Event(i));
    Multicast(ids, Event(i));
    sent += Event(i) + Event(i);
  }
  Gate::Open();
  Settle();
  EXPECT_EQ(ReceiveSome(kept.client), sent);
  EXPECT_EQ(stats().closed.at(static_cast<size_t>(CloseReason::kConnectionReset)).value(), 10U);
  EXPECT_THAT(notices_.all(), SizeIs(10));
}

}  // namespace
}  // namespace stream_llm
