#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "src/io/io_thread.h"
#include "test/engine/faulty_send.h"
#include "test/engine/io_thread_fixture.h"
#include "test/engine/outbox_model.h"

namespace stream_llm {
namespace {

using std::chrono::milliseconds, std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr ChannelId kChannel = 1;

uint64_t NumberOf(CloseReason reason) { return static_cast<uint64_t>(reason); }

std::string Event(int number) { return "data:" + std::to_string(100 + number) + "\n\n"; }

// A session among others that must not notice what happens to it.
class IoThreadFaultsTest : public IoThreadTest {
 protected:
  // Starts the thread with a healthy session, a member of kChannel.
  void StartWithHealthy(Socket::SendMessage send = ::sendmsg) {
    Start(send);
    healthy_id_ = Attach(healthy_);
    Join(kChannel, {healthy_id_});
  }

  void ExpectHealthy(const std::string& received) {
    EXPECT_EQ(Receive(healthy_.client, received.size()), received);
    EXPECT_EQ(ReceiveSome(healthy_.client), "");
    EXPECT_THAT(notices_.KindsOf(healthy_id_), IsEmpty());
  }

  void ExpectClosed(SessionId id, CloseReason reason) {
    EXPECT_EQ(notices_.Await(id, NoticeKind::kClosed), NumberOf(reason));
    EXPECT_THAT(notices_.KindsOf(id), ElementsAre(NoticeKind::kClosed));
    EXPECT_EQ(stats().closed.at(NumberOf(reason)).value(), 1U);
  }

  const Connection healthy_ = ConnectTcp();
  SessionId healthy_id_ = 0;
};

INSTANTIATE_TEST_SUITE_P(, IoThreadFaultsTest, EachPoller(), NameOfPoller);

TEST_P(IoThreadFaultsTest, AStalledClientIsDisconnectedAtItsLimit) {
  StartWithHealthy();
  size_t filler = 0;
  Connection stalled = ConnectFull(&filler);
  const SessionId id = Attach(stalled, {.max_buffered_bytes = RoomFor(5 * Event(0).size(), 5)});
  Join(kChannel, {id});
  std::string sent;
  for (int i = 0; i < 5; ++i) {
    Broadcast(kChannel, Event(i));
    sent += Event(i);
  }
  Settle();
  EXPECT_THAT(notices_.KindsOf(id), IsEmpty());
  Broadcast(kChannel, Event(5));
  ExpectClosed(id, CloseReason::kSlowConsumer);
  ExpectHealthy(sent + Event(5));
  stalled.server = Descriptor();
  EXPECT_EQ(ReceiveAll(stalled.client).size(), filler);
}

TEST_P(IoThreadFaultsTest, AStalledClientKeepsTheNewestWhenTheOldestAreDropped) {
  StartWithHealthy();
  size_t filler = 0;
  const Connection stalled = ConnectFull(&filler);
  const SessionId id = Attach(stalled, {.max_buffered_bytes = RoomFor(5 * Event(0).size(), 5),
                                        .slow_consumer = SlowConsumer::kDropOldest});
  Join(kChannel, {id});
  std::string sent;
  for (int i = 0; i < 50; ++i) {
    Broadcast(kChannel, Event(i));
    sent += Event(i);
  }
  Settle();
  EXPECT_EQ(notices_.Sum(id, NoticeKind::kDropped), 45U);
  EXPECT_EQ(stats().dropped.value(), 45U);
  ExpectHealthy(sent);

  const std::string expected = sent.substr(sent.size() - 5 * Event(0).size());
  EXPECT_EQ(Receive(stalled.client, filler + expected.size()).substr(filler), expected);
  Send(id, "it has recovered");
  EXPECT_EQ(Receive(stalled.client, 16), "it has recovered");
}

TEST_P(IoThreadFaultsTest, AStalledClientKeepsTheOldestWhenTheNewestAreDropped) {
  StartWithHealthy();
  size_t filler = 0;
  const Connection stalled = ConnectFull(&filler);
  const SessionId id = Attach(stalled, {.max_buffered_bytes = RoomFor(5 * Event(0).size(), 5),
                                        .slow_consumer = SlowConsumer::kDropNewest});
  Join(kChannel, {id});
  std::string sent;
  for (int i = 0; i < 50; ++i) {
    Broadcast(kChannel, Event(i));
    sent += Event(i);
  }
  Settle();
  EXPECT_EQ(notices_.Sum(id, NoticeKind::kDropped), 45U);
  ExpectHealthy(sent);
  const std::string expected = sent.substr(0, 5 * Event(0).size());
  EXPECT_EQ(Receive(stalled.client, filler + expected.size()).substr(filler), expected);
}

TEST_P(IoThreadFaultsTest, AClientThatTakesNothingTimesOut) {
  StartWithHealthy();
  size_t filler = 0;
  const Connection stalled = ConnectFull(&filler);
  const auto start = steady_clock::now();
  const SessionId id = Attach(stalled, {.write_timeout_ms = 50});
  Join(kChannel, {id});
  Broadcast(kChannel, Event(0));
  ExpectClosed(id, CloseReason::kWriteTimeout);
  EXPECT_GE(steady_clock::now() - start, milliseconds(50 - 1));
  ExpectHealthy(Event(0));
}

TEST_P(IoThreadFaultsTest, NothingWaitingThereIsNoWriteTimeout) {
  Start();
  const Connection idle = ConnectTcp();
  const Connection busy = ConnectTcp();
  const SessionId id = Attach(idle, {.write_timeout_ms = 20});
  Attach(busy, {.keep_alive_ms = 20});
  EXPECT_EQ(Receive(busy.client, 3 * 3).size(), 9U);  // That is, 60 ms later.
  Send(id, "still there");
  EXPECT_EQ(Receive(idle.client, 11), "still there");
  EXPECT_THAT(notices_.KindsOf(id), IsEmpty());
}

TEST_P(IoThreadFaultsTest, AnEndedSessionTimesOutToo) {
  StartWithHealthy();
  size_t filler = 0;
  const Connection stalled = ConnectFull(&filler);
  const SessionId id = Attach(stalled, {.write_timeout_ms = 50});
  Send(id, "never taken");
  End(id);
  ExpectClosed(id, CloseReason::kWriteTimeout);
}

TEST_P(IoThreadFaultsTest, AClientThatHasGoneIsNoticedWithTheNextEvent) {
  StartWithHealthy();
  Connection gone = ConnectUnix();
  const SessionId id = Attach(gone);
  Join(kChannel, {id});
  gone.client = Descriptor();
  Broadcast(kChannel, Event(0));
  ExpectClosed(id, CloseReason::kConnectionReset);
  Broadcast(kChannel, Event(1));
  ExpectHealthy(Event(0) + Event(1));
}

TEST_P(IoThreadFaultsTest, AClientMayResetTheConnectionInTheMiddleOfAWrite) {
  StartWithHealthy();
  Connection reset = ConnectTcp();
  const SessionId id = Attach(reset);
  // More than the kernel's buffers hold, and accepted, because nothing waits before it.
  Send(id, std::string(16 << 20, 'x'));
  Settle();
  EXPECT_GE(stats().blocked.value(), 1U);
  EXPECT_EQ(Receive(reset.client, 1000), std::string(1000, 'x'));
  Reset(&reset);
  ExpectClosed(id, CloseReason::kConnectionReset);
  Broadcast(kChannel, Event(0));
  ExpectHealthy(Event(0));
}

TEST_P(IoThreadFaultsTest, ASocketThatTakesOneByteAtATimeGetsAllInOrder) {
  StartWithHealthy(faulty_send::OneByte);
  std::string sent;
  for (int i = 0; i < 100; ++i) {
    Broadcast(kChannel, Event(i));
    sent += Event(i);
  }
  ExpectHealthy(sent);
  Settle();
  EXPECT_EQ(stats().frames.value(), 100U);
  EXPECT_EQ(stats().sends.value(), sent.size());
}

TEST_P(IoThreadFaultsTest, InterruptedSendsLoseNothing) {
  using Interrupted = faulty_send::Times<EINTR>;
  Interrupted::left = 1000;
  StartWithHealthy(Interrupted::Send);
  Broadcast(kChannel, Event(0));
  ExpectHealthy(Event(0));
}

TEST_P(IoThreadFaultsTest, ASocketThatIsFullForLongLosesNothing) {
  using Full = faulty_send::Times<EAGAIN>;
  Full::left = 1000;
  StartWithHealthy(Full::Send);
  Broadcast(kChannel, Event(0));
  Broadcast(kChannel, Event(1));
  ExpectHealthy(Event(0) + Event(1));
  Settle();
  EXPECT_EQ(stats().blocked.value(), 1000U);
}

template <int kError>
class ErrorOn : public IoThreadFaultsTest {
 protected:
  using On = faulty_send::On<kError>;

  void ExpectOnlyItIsClosed(CloseReason reason) {
    StartWithHealthy(On::Send);
    const Connection faulty = ConnectTcp();
    Descriptor descriptor = Socket::Duplicate(faulty.server.get());
    On::descriptor = descriptor.get();
    const SessionId id = Attach(std::move(descriptor));
    Join(kChannel, {id});
    Broadcast(kChannel, Event(0));
    ExpectClosed(id, reason);
    Broadcast(kChannel, Event(1));
    ExpectHealthy(Event(0) + Event(1));
    EXPECT_EQ(ReceiveSome(faulty.client), "");
  }
};

class IoThreadBrokenPipeTest : public ErrorOn<EPIPE> {};
class IoThreadNoBuffersTest : public ErrorOn<ENOBUFS> {};
class IoThreadBadDescriptorTest : public ErrorOn<EBADF> {};
INSTANTIATE_TEST_SUITE_P(, IoThreadBrokenPipeTest, EachPoller(), NameOfPoller);
INSTANTIATE_TEST_SUITE_P(, IoThreadNoBuffersTest, EachPoller(), NameOfPoller);
INSTANTIATE_TEST_SUITE_P(, IoThreadBadDescriptorTest, EachPoller(), NameOfPoller);

TEST_P(IoThreadBrokenPipeTest, ClosesOneSession) {
  ExpectOnlyItIsClosed(CloseReason::kConnectionReset);
}
TEST_P(IoThreadNoBuffersTest, ClosesOneSession) {
  ExpectOnlyItIsClosed(CloseReason::kConnectionError);
}
TEST_P(IoThreadBadDescriptorTest, ClosesOneSession) {
  ExpectOnlyItIsClosed(CloseReason::kConnectionError);
}

TEST_P(IoThreadFaultsTest, StoppedWithWritesPendingItSendsWhatItCanAndFreesTheRest) {
  StartWithHealthy();
  size_t filler = 0;
  Connection stalled = ConnectFull(&filler);
  const SessionId id = Attach(stalled);
  Join(kChannel, {id});
  std::string sent;
  for (int i = 0; i < 1000; ++i) {
    Broadcast(kChannel, Event(i));
    sent += Event(i);
  }
  Stop();
  EXPECT_EQ(ReceiveSome(healthy_.client), sent);
  stalled.server = Descriptor();
  EXPECT_EQ(ReceiveAll(stalled.client).size(), filler);
}

TEST_P(IoThreadFaultsTest, StoppedRightAfterAnAttachItClosesTheDescriptor) {
  Start();
  for (int i = 0; i < 100; ++i) {
    const Connection connection = ConnectUnix();
    Send(Attach(connection), "x");
    if (i == 50) Settle();
  }
  Stop();
}

}  // namespace
}  // namespace stream_llm
