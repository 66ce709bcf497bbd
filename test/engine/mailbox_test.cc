#include "src/io/mailbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <numeric>
#include <semaphore>
#include <thread>
#include <vector>

#include "test/engine/connection.h"

namespace stream_llm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kBurst = 100'000;

TEST(MailboxTest, KeepsTheOrder) {
  Mailbox<int> mailbox;
  for (int i = 1; i <= 3; ++i) (void)mailbox.Post(i);
  std::vector<int> taken;
  mailbox.TakeAll(&taken);
  EXPECT_THAT(taken, ElementsAre(1, 2, 3));
}

TEST(MailboxTest, WhatWasTakenBeforeIsDropped) {
  Mailbox<int> mailbox;
  std::vector<int> taken{7, 8};
  mailbox.TakeAll(&taken);
  EXPECT_THAT(taken, IsEmpty());
  (void)mailbox.Post(9);
  mailbox.TakeAll(&taken);
  EXPECT_THAT(taken, ElementsAre(9));
}

TEST(MailboxTest, AReaderSleepsUntilItFirstReads) {
  Mailbox<int> mailbox;
  EXPECT_TRUE(mailbox.Post(1));
  EXPECT_FALSE(mailbox.Post(2));
}

TEST(MailboxTest, WakesOnceForEachSleep) {
  Mailbox<int> mailbox;
  std::vector<int> taken;
  for (int sleep = 0; sleep < 3; ++sleep) {
    mailbox.TakeAll(&taken);
    EXPECT_TRUE(mailbox.Sleep());
    EXPECT_TRUE(mailbox.Post(1));
    EXPECT_FALSE(mailbox.Post(2));
    EXPECT_FALSE(mailbox.Post(3));
  }
}

TEST(MailboxTest, DoesNotWakeAReaderThatIsAwake) {
  Mailbox<int> mailbox;
  std::vector<int> taken;
  EXPECT_TRUE(mailbox.Post(1));
  mailbox.TakeAll(&taken);
  EXPECT_FALSE(mailbox.Post(2));
}

TEST(MailboxTest, TheReaderMustNotSleepOnMail) {
  Mailbox<int> mailbox;
  std::vector<int> taken;
  (void)mailbox.Post(1);
  EXPECT_FALSE(mailbox.Sleep());
  EXPECT_FALSE(mailbox.Post(2)) << "it did not go to sleep";
  mailbox.TakeAll(&taken);
  EXPECT_TRUE(mailbox.Sleep());
}

TEST(MailboxTest, CarriesWhatCannotBeCopied) {
  Mailbox<std::unique_ptr<int>> mailbox;
  (void)mailbox.Post(std::make_unique<int>(5));
  std::vector<std::unique_ptr<int>> taken;
  mailbox.TakeAll(&taken);
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(*taken[0], 5);
}

TEST(MailboxTest, FreesWhatNobodyTook) {
  const auto item = std::make_shared<int>(0);
  {
    Mailbox<std::shared_ptr<int>> mailbox;
    (void)mailbox.Post(item);
    EXPECT_EQ(item.use_count(), 2);
  }
  EXPECT_EQ(item.use_count(), 1);
}

TEST(MailboxTest, GivesTheMemoryOfABurstBack) {
  Mailbox<int> mailbox;
  std::vector<int> taken;
  for (size_t i = 0; i < kBurst; ++i) (void)mailbox.Post(0);
  mailbox.TakeAll(&taken);
  ASSERT_GE(taken.capacity(), kBurst);
  // Its two vectors have changed places twice when both have been seen.
  for (int i = 0; i < 3; ++i) {
    (void)mailbox.Post(0);
    mailbox.TakeAll(&taken);
    EXPECT_LT(taken.capacity(), kBurst / 10);
  }
}

TEST(MailboxTest, UsesTheMemoryOfSmallBatchesAgain) {
  Mailbox<int> mailbox;
  std::vector<int> taken;
  const auto take_ten = [&] {
    for (int i = 0; i < 10; ++i) (void)mailbox.Post(i);
    mailbox.TakeAll(&taken);
    return taken.data();
  };
  const int* const first = take_ten();
  const int* const second = take_ten();
  EXPECT_EQ(take_ten(), first);
  EXPECT_EQ(take_ten(), second);
}

// Hangs when items are dropped under the lock: with them go frames, sockets, whatever they hold.
TEST(MailboxTest, DropsItemsOutsideTheLock) {
  struct PostsWhenDropped {
    explicit PostsWhenDropped(Mailbox<std::unique_ptr<PostsWhenDropped>>* to) : mailbox(to) {}
    ~PostsWhenDropped() {
      if (mailbox != nullptr) (void)mailbox->Post(std::make_unique<PostsWhenDropped>(nullptr));
    }
    Mailbox<std::unique_ptr<PostsWhenDropped>>* const mailbox;
  };
  Mailbox<std::unique_ptr<PostsWhenDropped>> mailbox;
  std::vector<std::unique_ptr<PostsWhenDropped>> taken;
  for (size_t i = 0; i < kBurst; ++i) {
    (void)mailbox.Post(std::make_unique<PostsWhenDropped>(&mailbox));
  }
  mailbox.TakeAll(&taken);
  mailbox.TakeAll(&taken);
  EXPECT_EQ(taken.size(), kBurst);
}

struct Numbered {
  size_t producer;
  size_t number;
};

// Reads until it has seen `expected` items, and sleeps whenever there are none.
class Reader {
 public:
  void Wake() { wake_ups_.release(); }

  void Read(Mailbox<Numbered>* mailbox, size_t expected) {
    std::vector<Numbered> taken;
    while (seen_ < expected) {
      mailbox->TakeAll(&taken);
      for (const Numbered& item : taken) ordered_ &= item.number == next_.at(item.producer)++;
      seen_ += taken.size();
      if (seen_ == expected || !mailbox->Sleep()) continue;
      ++sleeps_;
      if (!wake_ups_.try_acquire_for(kPatience)) return;  // Nobody woke it.
    }
  }

  size_t seen() const { return seen_; }
  size_t sleeps() const { return sleeps_; }
  bool ordered() const { return ordered_; }

 private:
  std::counting_semaphore<> wake_ups_{0};
  std::vector<size_t> next_ = std::vector<size_t>(16);
  size_t seen_ = 0;
  size_t sleeps_ = 0;
  bool ordered_ = true;
};

TEST(MailboxTest, ManyProducersLoseNothingAndWakeTheReaderWhenItSleeps) {
  constexpr size_t kProducers = 4;
  constexpr size_t kEach = 20'000;
  Mailbox<Numbered> mailbox;
  Reader reader;
  std::vector<size_t> wake_ups(kProducers);
  {
    std::vector<std::jthread> producers;
    for (size_t producer = 0; producer < kProducers; ++producer) {
      producers.emplace_back([&, producer] {
        for (size_t i = 0; i < kEach; ++i) {
          if (!mailbox.Post({producer, i})) continue;
          ++wake_ups[producer];
          reader.Wake();
        }
      });
    }
    reader.Read(&mailbox, kProducers * kEach);
  }
  EXPECT_EQ(reader.seen(), kProducers * kEach);
  EXPECT_TRUE(reader.ordered());
  // One more, because a reader counts as asleep before it first reads.
  const size_t woken = std::accumulate(wake_ups.begin(), wake_ups.end(), size_t{0});
  EXPECT_GE(woken, reader.sleeps());
  EXPECT_LE(woken, reader.sleeps() + 1);
}

}  // namespace
}  // namespace stream_llm
