#include "src/io/poller.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "test/engine/connection.h"
#include "test/engine/descriptor_test.h"
#include "test/engine/pollers.h"

namespace stream_llm {
namespace {

using std::chrono::milliseconds, std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Tags = std::vector<Poller::Tag>;

class PollerTest : public DescriptorTest, public ::testing::WithParamInterface<PollerKind> {
 protected:
  PollerTest() : poller_(GetParam().make()) {}

  // Waits for a report, or for a wake-up.
  Tags Wait() { return WaitFor(kPatience); }
  // What is reported without waiting.
  Tags Look() { return WaitFor(milliseconds(0)); }
  Tags WaitFor(milliseconds time) {
    Tags tags{99};
    poller_->Wait(static_cast<int>(time.count()), &tags);
    return tags;
  }

  const std::unique_ptr<Poller> poller_;
};

INSTANTIATE_TEST_SUITE_P(, PollerTest, EachPoller(), NameOfPoller);

TEST_P(PollerTest, ReportsADescriptorThatCanBeWrittenOnce) {
  const Connection connection = ConnectUnix();
  ASSERT_TRUE(poller_->Add(connection.server.get(), 7));
  EXPECT_THAT(Wait(), ElementsAre(7));
  EXPECT_THAT(Look(), IsEmpty());
}

TEST_P(PollerTest, ReportsAgainWhenItIsRearmed) {
  const Connection connection = ConnectUnix();
  ASSERT_TRUE(poller_->Add(connection.server.get(), 7));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Wait(), ElementsAre(7));
    ASSERT_TRUE(poller_->Rearm(connection.server.get(), 7));
  }
}

TEST_P(PollerTest, NewRoomIsNotReportedUnlessItWasAskedFor) {
  size_t filler = 0;
  const Connection connection = ConnectFull(&filler);
  ASSERT_TRUE(poller_->Add(connection.server.get(), 7));
  Receive(connection.client, filler);
  EXPECT_THAT(Wait(), ElementsAre(7));
  filler = Fill(connection.server);
  EXPECT_THAT(Look(), IsEmpty());
  Receive(connection.client, filler);
  EXPECT_THAT(Look(), IsEmpty());
}

TEST_P(PollerTest, RearmedBeforeItsReportItIsReportedOnce) {
  const Connection connection = ConnectUnix();
  ASSERT_TRUE(poller_->Add(connection.server.get(), 7));
  ASSERT_TRUE(poller_->Rearm(connection.server.get(), 7));
  EXPECT_THAT(Wait(), ElementsAre(7));
  EXPECT_THAT(Look(), IsEmpty());
}

TEST_P(PollerTest, WaitsUntilTheReaderMakesRoom) {
  size_t filler = 0;
  const Connection connection = ConnectFull(&filler);
  ASSERT_TRUE(poller_->Add(connection.server.get(), 7));
  EXPECT_THAT(Look(), IsEmpty());
  const std::jthread reader([&] { EXPECT_EQ(Receive(connection.client, filler).size(), filler); });
  EXPECT_THAT(Wait(), ElementsAre(7));
}

TEST_P(PollerTest, ReportsAFailureOfAFullDescriptor) {
  size_t filler = 0;
  Connection connection = ConnectFull(&filler);
  ASSERT_TRUE(poller_->Add(connection.server.get(), 7));
  EXPECT_THAT(Look(), IsEmpty());
  connection.client = Descriptor();
  EXPECT_THAT(Wait(), ElementsAre(7));
}

TEST_P(PollerTest, ReportsAReset) {
  Connection connection = ConnectTcp();
  Reset(&connection);
  ASSERT_TRUE(poller_->Add(connection.server.get(), 7));
  EXPECT_THAT(Wait(), ElementsAre(7));
}

TEST_P(PollerTest, DoesNotReportWhatWasRemoved) {
  const Connection connection = ConnectUnix();
  ASSERT_TRUE(poller_->Add(connection.server.get(), 7));
  poller_->Remove(connection.server.get());
  EXPECT_THAT(Look(), IsEmpty());
}

TEST_P(PollerTest, WatchesARemovedDescriptorAgain) {
  const Connection connection = ConnectUnix();
  ASSERT_TRUE(poller_->Add(connection.server.get(), 7));
  poller_->Remove(connection.server.get());
  ASSERT_TRUE(poller_->Add(connection.server.get(), 8));
  EXPECT_THAT(Wait(), ElementsAre(8));
}

TEST_P(PollerTest, RemovingWhatIsNotThereDoesNothing) {
  const Connection watched = ConnectUnix();
  const Connection unknown = ConnectUnix();
  ASSERT_TRUE(poller_->Add(watched.server.get(), 7));
  poller_->Remove(unknown.server.get());
  poller_->Remove(-1);
  EXPECT_THAT(Wait(), ElementsAre(7));
}

// Node holds the original: the system goes on watching a closed duplicate unless it was removed.
TEST_P(PollerTest, ARemovedDuplicateIsNotReportedThroughTheOriginal) {
  size_t filler = 0;
  const Connection connection = ConnectFull(&filler);
  {
    const Descriptor duplicate(::fcntl(connection.server.get(), F_DUPFD_CLOEXEC, 0));
    ASSERT_TRUE(poller_->Add(duplicate.get(), 7));
    poller_->Remove(duplicate.get());
  }
  Receive(connection.client, filler);
  EXPECT_THAT(Look(), IsEmpty());
}

TEST_P(PollerTest, ANumberThatIsUsedAgainHasItsNewTag) {
  auto first = std::make_unique<Connection>(ConnectUnix());
  const int number = first->server.get();
  ASSERT_TRUE(poller_->Add(number, 7));
  poller_->Remove(number);
  first.reset();
  const Connection second = ConnectUnix();
  ASSERT_EQ(second.server.get(), number);
  ASSERT_TRUE(poller_->Add(number, 8));
  EXPECT_THAT(Wait(), ElementsAre(8));
}

TEST_P(PollerTest, RefusesOrReportsAClosedDescriptor) {
  const int closed = ConnectUnix().server.get();
  errno = 0;
  if (poller_->Add(closed, 7)) {
    EXPECT_THAT(Wait(), ElementsAre(7));
  } else {
    EXPECT_EQ(errno, EBADF);
  }
}

TEST_P(PollerTest, ReportsEachOfManyOnce) {
  constexpr size_t kMany = 1000;  // More than one call of the system reports.
  const auto limit = DescriptorLimit::Highest();
  std::vector<Connection> connections;
  for (size_t i = 0; i < kMany; ++i) {
    connections.push_back(ConnectUnix());
    ASSERT_TRUE(poller_->Add(connections.back().server.get(), i));
  }
  for (size_t i = 1; i < kMany; i += 3) poller_->Remove(connections[i].server.get());

  Tags expected(kMany);
  std::iota(expected.begin(), expected.end(), 0);
  std::erase_if(expected, [](Poller::Tag tag) { return tag % 3 == 1; });
  Tags reported;
  for (Tags tags = Wait(); !tags.empty(); tags = Look()) {
    reported.insert(reported.end(), tags.begin(), tags.end());
  }
  std::sort(reported.begin(), reported.end());
  EXPECT_EQ(reported, expected);
}

TEST_P(PollerTest, ATimeoutPasses) {
  const auto start = steady_clock::now();
  EXPECT_THAT(WaitFor(milliseconds(20)), IsEmpty());
  EXPECT_GE(steady_clock::now() - start, milliseconds(20));
}

TEST_P(PollerTest, AWakeUpEndsTheWait) {
  const auto start = steady_clock::now();
  const std::jthread waker([&] { poller_->Wake(); });
  EXPECT_THAT(Wait(), IsEmpty());
  EXPECT_LT(steady_clock::now() - start, kPatience);
}

TEST_P(PollerTest, AWakeUpEndsTheNextWaitAndOnlyThat) {
  poller_->Wake();
  const auto start = steady_clock::now();
  EXPECT_THAT(Wait(), IsEmpty());
  EXPECT_LT(steady_clock::now() - start, kPatience);
  EXPECT_THAT(WaitFor(milliseconds(20)), IsEmpty());
  EXPECT_GE(steady_clock::now() - start, milliseconds(20));
}

TEST_P(PollerTest, WakeUpsWithoutAWaitNeverBlock) {
  for (int i = 0; i < 100'000; ++i) poller_->Wake();  // More than a pipe holds.
  const auto start = steady_clock::now();
  EXPECT_THAT(Wait(), IsEmpty());
  EXPECT_THAT(WaitFor(milliseconds(20)), IsEmpty());
  EXPECT_GE(steady_clock::now() - start, milliseconds(20));
  EXPECT_LT(steady_clock::now() - start, kPatience);
}

TEST_P(PollerTest, ReportsDescriptorsBesideAWakeUp) {
  const Connection connection = ConnectUnix();
  poller_->Wake();
  ASSERT_TRUE(poller_->Add(connection.server.get(), 7));
  EXPECT_THAT(Wait(), ElementsAre(7));
}

TEST_P(PollerTest, ASignalReportsNothing) {
  struct sigaction ignore {};
  ignore.sa_handler = [](int) {};
  struct sigaction before {};
  ASSERT_EQ(::sigaction(SIGUSR1, &ignore, &before), 0);
  std::atomic<bool> returned = false;
  std::thread waiting([&] {
    EXPECT_THAT(Wait(), IsEmpty());
    returned = true;
  });
  const auto deadline = steady_clock::now() + kPatience;
  while (!returned && steady_clock::now() < deadline) {
    ::pthread_kill(waiting.native_handle(), SIGUSR1);
    std::this_thread::yield();
  }
  EXPECT_TRUE(returned);
  waiting.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_P(PollerTest, WithoutDescriptorsThereIsNone) {
  ASSERT_NE(GetParam().make(), nullptr);
  for (const size_t spare : {0U, 1U}) {
    const auto limit = DescriptorLimit::Spare(spare);
    errno = 0;
    EXPECT_EQ(GetParam().make(), nullptr);
    EXPECT_EQ(errno, EMFILE);
  }
  EXPECT_NE(GetParam().make(), nullptr);
}

}  // namespace
}  // namespace stream_llm
