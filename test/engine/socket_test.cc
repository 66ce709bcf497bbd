#include "src/io/socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test/engine/connection.h"
#include "test/engine/descriptor_test.h"
#include "test/engine/faulty_send.h"

namespace stream_llm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Status = Sink::Status;
using Pieces = std::vector<std::string_view>;
using Tags = std::vector<Poller::Tag>;

constexpr Poller::Tag kTag = 5;

// A poller that the system refuses to watch more descriptors.
class FullPoller final : public Poller {
 public:
  bool Add(int, Tag) override {
    errno = ENOSPC;
    return false;
  }
  bool Rearm(int, Tag) override { return false; }
  void Remove(int) override { ADD_FAILURE() << "removed what was never added"; }
  void Wait(int, std::vector<Tag>* tags) override { tags->clear(); }
  void Wake() override {}
};

int UnsentLimitOf(const Connection& connection) {
  int bytes = -1;
  socklen_t size = sizeof bytes;
  const int fd = connection.server.get();
  EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, &size), 0);
  return bytes;
}

class SocketTest : public DescriptorTest {
 protected:
  std::unique_ptr<Socket> MakeSocket(const Connection& connection,
                                     Socket::SendMessage send = ::sendmsg) {
    return std::make_unique<Socket>(Socket::Duplicate(connection.server.get()), poller_.get(), kTag,
                                    send);
  }

  Tags Look() {
    Tags tags;
    poller_->Wait(0, &tags);
    return tags;
  }

  const std::unique_ptr<Poller> poller_ = MakePoller();
};

Sink::Result Send(Socket* socket, const Pieces& pieces) { return socket->Send(pieces); }

TEST_F(SocketTest, SendsThePiecesInOrder) {
  const Connection connection = ConnectUnix();
  const auto socket = MakeSocket(connection);
  const auto result = Send(socket.get(), {"one ", "two ", "three"});
  EXPECT_EQ(result.status, Status::kOpen);
  EXPECT_EQ(result.sent, 13U);
  EXPECT_EQ(Receive(connection.client, 13), "one two three");
}

TEST_F(SocketTest, SendsAsManyPiecesAsASinkMayGet) {
  const Connection connection = ConnectUnix();
  const auto socket = MakeSocket(connection);
  const Pieces pieces(Sink::kMostPieces, "ab");
  const auto result = Send(socket.get(), pieces);
  EXPECT_EQ(result.status, Status::kOpen);
  EXPECT_EQ(result.sent, 2 * Sink::kMostPieces);
  EXPECT_EQ(Receive(connection.client, result.sent).size(), 2 * Sink::kMostPieces);
}

TEST_F(SocketTest, APartIsBlockedUntilThePollerSaysOtherwise) {
  const Connection connection = ConnectNarrow();
  const auto socket = MakeSocket(connection);
  const std::string text(1 << 20, 'x');
  auto result = Send(socket.get(), {text});
  ASSERT_EQ(result.status, Status::kBlocked);
  ASSERT_GT(result.sent, 0U);
  EXPECT_THAT(Look(), IsEmpty());

  std::string received;
  size_t sent = result.sent;
  while (sent < text.size()) {
    received += Receive(connection.client, sent - received.size());
    ASSERT_EQ(received.size(), sent);
    ASSERT_THAT(Look(), ElementsAre(kTag));
    result = Send(socket.get(), {std::string_view(text).substr(sent)});
    sent += result.sent;
  }
  EXPECT_EQ(result.status, Status::kOpen);
  EXPECT_EQ(received + Receive(connection.client, sent - received.size()), text);
}

TEST_F(SocketTest, AFullSocketIsBlockedWithNothingSent) {
  size_t filler = 0;
  const Connection connection = ConnectFull(&filler);
  const auto socket = MakeSocket(connection);
  for (int i = 0; i < 3; ++i) {
    const auto result = Send(socket.get(), {"late"});
    EXPECT_EQ(result.status, Status::kBlocked);
    EXPECT_EQ(result.sent, 0U);
  }
  EXPECT_THAT(Look(), IsEmpty());
  Receive(connection.client, filler);
  EXPECT_THAT(Look(), ElementsAre(kTag));
  EXPECT_EQ(Send(socket.get(), {"late"}).status, Status::kOpen);
  EXPECT_EQ(Receive(connection.client, 4), "late");
}

TEST_F(SocketTest, OneByteAtATimeGetsThere) {
  const Connection connection = ConnectUnix();
  const auto socket = MakeSocket(connection, faulty_send::OneByte);
  const std::string_view text = "slow";
  for (size_t i = 0; i < text.size(); ++i) {
    const auto result = Send(socket.get(), {text.substr(i)});
    EXPECT_EQ(result.sent, 1U);
    EXPECT_EQ(result.status, i + 1 < text.size() ? Status::kBlocked : Status::kOpen);
  }
  EXPECT_EQ(Receive(connection.client, text.size()), text);
}

TEST_F(SocketTest, AnInterruptedSendIsRepeated) {
  using Interrupted = faulty_send::Times<EINTR>;
  const Connection connection = ConnectUnix();
  const auto socket = MakeSocket(connection, Interrupted::Send);
  Interrupted::left = 3;
  EXPECT_EQ(Send(socket.get(), {"text"}).status, Status::kOpen);
  EXPECT_EQ(Receive(connection.client, 4), "text");
}

TEST_F(SocketTest, AClosedPeerFailsWithoutASignal) {
  Connection connection = ConnectUnix();
  const auto socket = MakeSocket(connection);
  connection.client = Descriptor();
  const auto result = Send(socket.get(), {"text"});
  EXPECT_EQ(result.status, Status::kFailed);
  EXPECT_EQ(result.reason, CloseReason::kConnectionReset);
}

TEST_F(SocketTest, AResetPeerFails) {
  Connection connection = ConnectTcp();
  const auto socket = MakeSocket(connection);
  Reset(&connection);
  const auto result = Send(socket.get(), {"text"});
  EXPECT_EQ(result.status, Status::kFailed);
  EXPECT_EQ(result.reason, CloseReason::kConnectionReset);
}

TEST_F(SocketTest, FailsWhenItCannotBeWatched) {
  size_t filler = 0;
  const Connection connection = ConnectFull(&filler);
  FullPoller poller;
  Socket socket(Socket::Duplicate(connection.server.get()), &poller, kTag);
  const auto result = Send(&socket, {"text"});
  EXPECT_EQ(result.status, Status::kFailed);
  EXPECT_EQ(result.reason, CloseReason::kConnectionError);
}

TEST_F(SocketTest, IsNoLongerWatchedOnceItIsGone) {
  size_t filler = 0;
  const Connection connection = ConnectFull(&filler);
  ASSERT_EQ(Send(MakeSocket(connection).get(), {"late"}).status, Status::kBlocked);
  Receive(connection.client, filler);
  EXPECT_THAT(Look(), IsEmpty());
}

struct ErrorCase {
  const char* name;
  Socket::SendMessage send;
  CloseReason reason;
};

class SocketErrorTest : public SocketTest, public ::testing::WithParamInterface<ErrorCase> {};

INSTANTIATE_TEST_SUITE_P(
    , SocketErrorTest,
    ::testing::Values(
        ErrorCase{"EPIPE", faulty_send::Always<EPIPE>, CloseReason::kConnectionReset},
        ErrorCase{"ECONNRESET", faulty_send::Always<ECONNRESET>, CloseReason::kConnectionReset},
        ErrorCase{"ECONNABORTED", faulty_send::Always<ECONNABORTED>, CloseReason::kConnectionReset},
        ErrorCase{"ENOTCONN", faulty_send::Always<ENOTCONN>, CloseReason::kConnectionReset},
        ErrorCase{"ETIMEDOUT", faulty_send::Always<ETIMEDOUT>, CloseReason::kConnectionError},
        ErrorCase{"ENOBUFS", faulty_send::Always<ENOBUFS>, CloseReason::kConnectionError},
        ErrorCase{"ENOMEM", faulty_send::Always<ENOMEM>, CloseReason::kConnectionError},
        ErrorCase{"EBADF", faulty_send::Always<EBADF>, CloseReason::kConnectionError}),
    [](const auto& test) { return test.param.name; });

TEST_P(SocketErrorTest, FailsForItsReason) {
  const Connection connection = ConnectUnix();
  const auto socket = MakeSocket(connection, GetParam().send);
  const auto result = Send(socket.get(), {"text"});
  EXPECT_EQ(result.status, Status::kFailed);
  EXPECT_EQ(result.reason, GetParam().reason);
  EXPECT_THAT(Look(), IsEmpty());
}

TEST_F(SocketTest, LimitsWhatWaitsInTheKernelAsLongAsItIsThere) {
  const Connection connection = ConnectTcp();
  for (const int before : {UnsentLimitOf(connection), 5000}) {
    const int fd = connection.server.get();
    ASSERT_EQ(::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &before, sizeof before), 0);
    auto socket = MakeSocket(connection);
    EXPECT_EQ(UnsentLimitOf(connection), 128 * 1024);
    socket.reset();
    EXPECT_EQ(UnsentLimitOf(connection), before);
  }
}

class DuplicateTest : public DescriptorTest {};

TEST_F(DuplicateTest, OutlivesTheOriginalAndStillNamesItsConnection) {
  Connection first = ConnectUnix();
  const int number = first.server.get();
  const Descriptor duplicate = Socket::Duplicate(number);
  first.server = Descriptor();
  const Connection second = ConnectUnix();
  ASSERT_EQ(second.server.get(), number) << "the number is not used again";

  ASSERT_EQ(::send(duplicate.get(), "secret", 6, 0), 6);
  EXPECT_EQ(Receive(first.client, 6), "secret");
  EXPECT_EQ(ReceiveSome(second.client), "");
}

TEST_F(DuplicateTest, IsNotInheritedByOtherPrograms) {
  const Connection connection = ConnectUnix();
  const Descriptor duplicate = Socket::Duplicate(connection.server.get());
  EXPECT_EQ(::fcntl(duplicate.get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(DuplicateTest, OfAClosedDescriptorIsNotValid) {
  const int closed = ConnectUnix().server.get();
  EXPECT_FALSE(Socket::Duplicate(closed).valid());
  EXPECT_EQ(errno, EBADF);
}

// A session can do without a duplicate, a client that connects cannot do without a descriptor.
TEST_F(DuplicateTest, LeavesTheLastDescriptorsToConnectionsToCome) {
  const Connection connection = ConnectUnix();
  std::vector<Descriptor> others(64);
  for (Descriptor& descriptor : others) descriptor = OpenNull();
  const int next = OpenNull().get();
  const DescriptorLimit limit(static_cast<size_t>(next) + 1);
  EXPECT_FALSE(Socket::Duplicate(connection.server.get()).valid());
  EXPECT_EQ(errno, EMFILE);
  EXPECT_EQ(OpenNull().get(), next);
}

TEST_F(DuplicateTest, WithoutDescriptorsIsNotValid) {
  const Connection connection = ConnectUnix();
  const auto limit = DescriptorLimit::Spare(0);
  EXPECT_FALSE(Socket::Duplicate(connection.server.get()).valid());
  EXPECT_EQ(errno, EMFILE);
}

}  // namespace
}  // namespace stream_llm
