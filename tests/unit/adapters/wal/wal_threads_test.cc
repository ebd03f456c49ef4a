// The log with its real threads, on a real folder.

#include "adapters/wal/wal_threads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <thread>

#include "adapters/wal/posix_disk.h"
#include "base/mutex.h"
#include "support/events.h"
#include "support/recording_log.h"
#include "support/stepped_wal.h"
#include "support/taken_events.h"
#include "support/temp_folder.h"
#include "support/virtual_clock.h"

namespace ei::wal {
namespace {

// Waits for the durable end.
class DurableWaiter {
 public:
  explicit DurableWaiter(WalJournal& journal) : journal_(journal) {
    journal.OnFailed([this] { Wake(); });
  }
  void Wake() {
    base::MutexLock lock(mutex_);
    changed_.NotifyAll();
  }
  void AwaitEnd(uint64_t end) {
    base::MutexLock lock(mutex_);
    while (journal_.DurableEnd() < end && !journal_.Failed()) changed_.Wait(mutex_);
  }

 private:
  WalJournal& journal_;
  base::Mutex mutex_;
  base::CondVar changed_;
};

class WalThreadsTest : public testing::Test {
 protected:
  void Open() {
    threads_.reset();
    journal_.reset();
    auto opened = WalJournal::Open(options_, *folder_, clock_, log_, 1);
    ASSERT_TRUE(opened) << opened.error().message;
    journal_ = std::move(*opened);
  }
  void Start(base::Duration commit_interval = {}) {
    Open();
    waiter_ = std::make_unique<DurableWaiter>(*journal_);
    threads_ = std::make_unique<WalThreads>(
        *journal_, clock_,
        WalThreads::Options{.commit_interval = commit_interval,
                            .committed = [this](base::Duration) { waiter_->Wake(); }});
    threads_->Start();
  }
  Appended Append(const std::string& value, size_t size = 0) {
    EventBatch batch;
    support::AddRawEvent(batch, value, "k", size);
    return journal_->Append(batch, clock_.Now());
  }
  size_t SettleWhatThereIs() {
    const auto events = support::Take(*journal_, 0);
    support::Settle(*journal_, events);
    return events.size();
  }

  WalOptions options_{.bytes_max = 4 << 20, .segment_bytes = 64 << 10, .window_events_max = 1'000};
  support::TempFolder place_;
  support::RealClock clock_;
  support::RecordingLog log_;
  std::unique_ptr<PosixDirectory> folder_ =
      std::move(PosixDirectory::OpenForWriting(place_.Path().string()).value());
  std::unique_ptr<WalJournal> journal_;
  std::unique_ptr<DurableWaiter> waiter_;
  std::unique_ptr<WalThreads> threads_;
};

TEST_F(WalThreadsTest, EachAppendBecomesDurable) {
  Start();
  for (uint64_t i = 1; i <= 100; ++i) {
    ASSERT_EQ(Append(std::to_string(i)).end, i);
    waiter_->AwaitEnd(i);
    EXPECT_EQ(journal_->DurableEnd(), i);
  }
}

// An hour between commits: the first goes at once, the others wait for the next, together.
TEST_F(WalThreadsTest, IntervalGathersRequests) {
  Start(std::chrono::hours(1));
  ASSERT_EQ(Append("first"), AppendResult::kAppended);
  waiter_->AwaitEnd(1);
  for (int i = 0; i < 50; ++i) ASSERT_EQ(Append("later"), AppendResult::kAppended);
  EXPECT_EQ(journal_->DurableEnd(), 1U);
  journal_->Close();
  threads_->Stop();
  EXPECT_EQ(journal_->DurableEnd(), 51U) << "a stop does not wait for the interval";
  EXPECT_EQ(journal_->Counts().commits, 2U);
}

// The append may come at any point while the commit thread goes to sleep.
TEST_F(WalThreadsTest, StopCommitsPendingEvents) {
  for (int round = 0; round < 60; ++round) {
    Start();
    uint64_t end = 0;
    for (int i = 0; i <= round % 2; ++i) {
      waiter_->AwaitEnd(end);
      const Appended appended = Append("a");
      ASSERT_EQ(appended, AppendResult::kAppended);
      end = appended.end;
    }
    journal_->Close();
    threads_->Stop();
    ASSERT_EQ(journal_->DurableEnd(), end) << "round " << round;
    support::RunIdle(*journal_);
    SettleWhatThereIs();
    support::RunIdle(*journal_);
  }
}

TEST_F(WalThreadsTest, StopBeforeStartAndTwiceIsFine) {
  Open();
  {
    WalThreads threads(*journal_, clock_, {});
    threads.Stop();
    threads.Stop();
  }
  Start();
  threads_->Stop();
  threads_->Stop();
}

// Stop leaves the last checkpoint.
TEST_F(WalThreadsTest, CleanStopDeliversNothingTwice) {
  Start();
  for (uint64_t i = 1; i <= 10; ++i) Append(std::to_string(i));
  waiter_->AwaitEnd(10);
  size_t settled = 0;
  while (settled < 10) settled += SettleWhatThereIs();
  journal_->Close();
  threads_->Stop();
  Open();
  EXPECT_EQ(journal_->Counts().recovered, 0U);
  EXPECT_EQ(journal_->DurableEnd(), 10U);
}

// Many times the size of a small log goes through it, so every role runs concurrently with the others.
TEST_F(WalThreadsTest, LongRunThroughASmallLogLosesNothing) {
  constexpr uint64_t kEvents = 20'000;
  Start(std::chrono::microseconds(100));
  std::thread appender([&] {
    for (uint64_t i = 0; i < kEvents;) {
      if (Append(std::to_string(i) + std::string(300, '.')) == AppendResult::kAppended) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::vector<JournalEvent> events(100);
  uint64_t next = 0;
  while (next < kEvents) {
    const auto taken = std::span(events).first(journal_->Take(0, events));
    for (const JournalEvent& event : taken) {
      ASSERT_EQ(std::stoull(std::string(event.value)), next);
      ++next;
    }
    support::Settle(*journal_, taken);
    if (taken.empty()) std::this_thread::yield();
  }
  appender.join();
  EXPECT_EQ(journal_->Stats().events, 0U);
  EXPECT_EQ(journal_->Counts().lost, 0U);
  EXPECT_LE(journal_->Stats().bytes, journal_->Stats().bytes_max);
  threads_->Stop();
}

// Nearly all events are read back from the disk while others are taken: memory that one of them releases may
// be used by the other.
TEST_F(WalThreadsTest, ReadingBackRunsConcurrentlyWithTheTaker) {
  constexpr uint64_t kEvents = 2'000;
  constexpr size_t kBytes = 20'000;  // a dozen fill a block
  options_ = {.bytes_max = 8 << 20, .segment_bytes = 1 << 20, .window_events_max = 20};
  Start(std::chrono::microseconds(100));
  std::thread appender([&] {
    for (uint64_t i = 0; i < kEvents;) {
      if (Append(std::to_string(i), kBytes) == AppendResult::kAppended) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::vector<JournalEvent> events(5);
  uint64_t next = 0;
  while (next < kEvents) {
    const auto taken = std::span(events).first(journal_->Take(0, events));
    support::Settle(*journal_, taken);
    std::this_thread::yield();
    for (const JournalEvent& event : taken) {
      const std::string label = std::to_string(next++);
      ASSERT_TRUE(event.value.starts_with(label + ".")) << "settled, and valid until the next Take";
      ASSERT_EQ(event.value.find_first_not_of('.', label.size()), std::string_view::npos);
    }
  }
  appender.join();
  EXPECT_EQ(journal_->Counts().lost, 0U);
  threads_->Stop();
}

// The roles' first steps, their sleeps, and the stop, in quick succession.
TEST_F(WalThreadsTest, RestartsInQuickSuccessionKeepEverything) {
  for (uint64_t round = 0; round < 30; ++round) {
    Start();
    EXPECT_EQ(journal_->Counts().recovered, round);
    ASSERT_EQ(Append(std::to_string(round)).end, round + 1);
    threads_->Stop();
  }
  EXPECT_EQ(log_.Count("ERROR"), 0U);
}

}  // namespace
}  // namespace ei::wal
