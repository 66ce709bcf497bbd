#include "src/io/io_thread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "test/engine/io_thread_fixture.h"

namespace stream_llm {
namespace {

using std::chrono::milliseconds, std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr ChannelId kChannel = 1;

INSTANTIATE_TEST_SUITE_P(, IoThreadTest, EachPoller(), NameOfPoller);

TEST_P(IoThreadTest, StartsAndStopsWithoutWork) {
  Start();
  Stop();
}

TEST_P(IoThreadTest, SendsAnEventAsItWasFormatted) {
  Start();
  const Connection connection = ConnectTcp();
  const SessionId id = Attach(connection);
  Send(id, FormatEvent({.data = " a\nb", .name = "token", .id = "7"}));
  const std::string expected = "event:token\nid:7\ndata:  a\ndata:b\n\n";
  EXPECT_EQ(Receive(connection.client, expected.size()), expected);
}

TEST_P(IoThreadTest, PutsEventsInChunksWhereAsked) {
  Start();
  const Connection connection = ConnectTcp();
  const SessionId id = Attach(connection, {.framing = Framing::kChunked});
  Send(id, FormatEvent({.data = "Hi", .name = {}, .id = {}}));
  Send(id, FormatRaw(""));
  Send(id, FormatEvent({.data = std::string(300, 'x'), .name = {}, .id = {}}));
  const std::string expected =
      "9\r\ndata:Hi\n\n\r\n" + Chunked("data:" + std::string(300, 'x') + "\n\n");
  EXPECT_EQ(Receive(connection.client, expected.size()), expected);
  EXPECT_EQ(ReceiveSome(connection.client), "");
}

TEST_P(IoThreadTest, WithPausesEachEventIsSentAtOnce) {
  Start();
  const Connection connection = ConnectTcp();
  const SessionId id = Attach(connection);
  for (int i = 0; i < 20; ++i) {
    Send(id, "token\n");
    EXPECT_EQ(Receive(connection.client, 6), "token\n");
  }
  Settle();
  EXPECT_EQ(stats().sends.value(), 20U);
}

TEST_P(IoThreadTest, KeepsTheOrderOfAllThatIsSent) {
  Start();
  const Connection a = ConnectTcp();
  const Connection b = ConnectTcp();
  const SessionId a_id = Attach(a);
  const SessionId b_id = Attach(b);
  Join(kChannel, {a_id, b_id});
  std::string a_expected;
  std::string b_expected;
  for (int round = 0; round < 100; ++round) {
    const std::string number = std::to_string(round) + ";";
    Send(a_id, "s" + number);
    Broadcast(kChannel, "b" + number);
    Multicast({b_id, a_id}, "m" + number);
    Multicast({b_id}, "n" + number);
    a_expected += "s" + number + "b" + number + "m" + number;
    b_expected += "b" + number + "m" + number + "n" + number;
  }
  End(a_id);
  Broadcast(kChannel, "after a's end");
  End(b_id);
  EXPECT_EQ(notices_.Await(a_id, NoticeKind::kEnded), 0U);
  EXPECT_EQ(notices_.Await(b_id, NoticeKind::kEnded), 0U);
  Stop();
  EXPECT_EQ(ReceiveSome(a.client), a_expected);
  EXPECT_EQ(ReceiveSome(b.client), b_expected + "after a's end");
}

TEST_P(IoThreadTest, ThoseWhoJoinOrLeaveGetWhatWasSentBetween) {
  Start();
  const Connection connection = ConnectUnix();
  const SessionId id = Attach(connection);
  Broadcast(kChannel, "1");
  Join(kChannel, {id});
  Join(kChannel, {id});
  Broadcast(kChannel, "2");
  thread_->Post(command::Leave{kChannel, id});
  Broadcast(kChannel, "3");
  Join(kChannel, {id});
  Broadcast(kChannel, "4");
  Settle();
  EXPECT_EQ(ReceiveSome(connection.client), "24");
}

TEST_P(IoThreadTest, AnEndFlushesThenTellsThenClosesItsDescriptor) {
  Start();
  size_t filler = 0;
  Connection connection = ConnectFull(&filler);
  const SessionId id = Attach(connection);
  Send(id, "last words");
  End(id);
  connection.server = Descriptor();
  Settle();
  EXPECT_THAT(notices_.KindsOf(id), IsEmpty());

  const std::string received = ReceiveAll(connection.client);
  EXPECT_EQ(received.substr(filler), "last words");
  EXPECT_EQ(notices_.Await(id, NoticeKind::kEnded), 0U);
  EXPECT_THAT(notices_.KindsOf(id), ElementsAre(NoticeKind::kEnded));
}

TEST_P(IoThreadTest, ACloseDropsWhatWaitsWithoutANotice) {
  Start();
  size_t filler = 0;
  Connection connection = ConnectFull(&filler);
  const SessionId id = Attach(connection);
  Send(id, "never sent");
  Settle();
  Close(id);
  connection.server = Descriptor();
  Settle();
  EXPECT_EQ(ReceiveAll(connection.client).size(), filler);
  EXPECT_THAT(notices_.KindsOf(id), IsEmpty());
}

TEST_P(IoThreadTest, WhatNamesAnUnknownSessionOrChannelDoesNothing) {
  Start();
  const Connection connection = ConnectUnix();
  const SessionId id = Attach(connection);
  constexpr SessionId kNobody = 999;
  Send(kNobody, "x");
  Broadcast(kChannel, "x");
  Multicast({kNobody, id}, "for one;");
  Join(kChannel, {kNobody});
  thread_->Post(command::Leave{kChannel, id});
  thread_->Post(command::AwaitDrain{kNobody});
  End(kNobody);
  Close(kNobody);
  Settle();
  EXPECT_EQ(ReceiveSome(connection.client), "for one;");
  EXPECT_THAT(notices_.all(), IsEmpty());
}

TEST_P(IoThreadTest, SendsAKeepAliveAfterSilenceOnly) {
  Start();
  const Connection quiet = ConnectTcp();
  const Connection chunked = ConnectTcp();
  const auto start = steady_clock::now();
  Attach(quiet, {.keep_alive_ms = 20});
  Attach(chunked, {.keep_alive_ms = 20, .framing = Framing::kChunked});
  EXPECT_EQ(Receive(quiet.client, 6), ":\n\n:\n\n");
  EXPECT_GE(steady_clock::now() - start, milliseconds(2 * 20 - 2));
  EXPECT_EQ(Receive(chunked.client, 8), "3\r\n:\n\n\r\n");
}

TEST_P(IoThreadTest, AKeepAliveWaitsForTheWholeSilenceAfterAnEvent) {
  Start();
  const Connection connection = ConnectTcp();
  const SessionId id = Attach(connection, {.keep_alive_ms = 40});
  EXPECT_EQ(Receive(connection.client, 3), ":\n\n");
  const auto before = steady_clock::now();
  Send(id, "event");
  // On a slow machine, more than one precede the event.
  std::string received = Receive(connection.client, 5 + 3);
  while (received.size() < 1000 && !received.ends_with("event:\n\n")) {
    received += Receive(connection.client, 3);
  }
  EXPECT_GE(steady_clock::now() - before, milliseconds(40 - 1));
  EXPECT_THAT(received, EndsWith("event:\n\n"));
}

TEST_P(IoThreadTest, NoticesAreToldOnceUntilTheyAreCollected) {
  Start();
  const Connection connection = ConnectUnix();
  const SessionId id = Attach(connection);
  // What was told of earlier turns has been told when a byte of this one is there.
  const auto turn = [&] {
    Send(id, ".");
    EXPECT_EQ(Receive(connection.client, 1), ".");
  };
  turn();
  for (int i = 0; i < 5; ++i) {
    thread_->Post(command::AwaitDrain{id});
    turn();
  }
  turn();
  EXPECT_EQ(notices_.told(), 1U);

  ASSERT_TRUE(notices_.Await(id, NoticeKind::kDrained));
  EXPECT_THAT(notices_.KindsOf(id), SizeIs(5));
  notices_.Forget(id);
  thread_->Post(command::AwaitDrain{id});
  ASSERT_TRUE(notices_.Await(id, NoticeKind::kDrained));
  turn();
  EXPECT_EQ(notices_.told(), 2U);
}

}  // namespace
}  // namespace stream_llm
