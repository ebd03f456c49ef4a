// Real threads and the machine's clock; a sink with a thread of its own.

#include "app/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "adapters/memory_journal/memory_journal.h"
#include "support/events.h"
#include "support/null_log.h"
#include "support/random.h"
#include "support/recording_telemetry.h"
#include "support/virtual_clock.h"

namespace ei::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Delivers from its own thread, one in `fail_one_in` transiently failing with all that is in flight behind
// it.
class ThreadedSink final : public EventSink {
 public:
  ThreadedSink(size_t lanes, uint64_t fail_one_in)
      : listeners_(lanes), lanes_(lanes), fail_one_in_(fail_one_in), thread_([this] { Run(); }) {}
  ~ThreadedSink() override { Stop(); }

  void Attach(size_t lane, DeliveryListener& listener) override {
    base::MutexLock lock(mutex_);
    listeners_[lane] = &listener;
  }
  Destinations DestinationsOf(const OutboundEvent& /*event*/) const override { return {}; }
  void Send(size_t lane, std::span<const OutboundEvent> events, Grouping, uint64_t failures_seen) override {
    std::vector<DeliveryReport> refused;
    {
      base::MutexLock lock(mutex_);
      Lane& to = lanes_[lane];
      if (to.failures_given == failures_seen) {
        for (const OutboundEvent& event : events) to.waiting.push_back(event);
        changed_.NotifyOne();
        return;
      }
      for (const OutboundEvent& event : events) {
        refused.push_back({event.token, Verdict::kTransient, "behind_a_failure", {}});
      }
      to.failures_given += refused.size();
    }
    listeners_[lane]->OnReports(refused);
  }
  void SendDeadLetter(size_t, const OutboundEvent&, const DeadLetterNote&) override {
    ADD_FAILURE() << "nothing here is the event's fault";
  }
  void Flush() override { ++flushes; }
  SinkStatus Status() const override { return {Contact::kReached}; }

  void Hold(bool on) {
    base::MutexLock lock(mutex_);
    held_ = on;
    changed_.NotifyOne();
  }
  void Stop() {
    {
      base::MutexLock lock(mutex_);
      stop_ = true;
      changed_.NotifyOne();
    }
    if (thread_.joinable()) thread_.join();
  }

  std::atomic<uint64_t> delivered{0};
  std::atomic<uint64_t> failed{0};
  std::atomic<uint64_t> disorders{0};
  std::atomic<uint64_t> flushes{0};

 private:
  struct Lane {
    std::vector<OutboundEvent> waiting;
    uint64_t failures_given = 0;  // also those that are about to be
  };

  void Run() {
    support::Random random(7);
    for (size_t next = 0;; ++next) {
      std::vector<DeliveryReport> reports;
      DeliveryListener* listener;
      {
        base::MutexLock lock(mutex_);
        while (!stop_ && (held_ || Empty())) changed_.Wait(mutex_);
        if (stop_) return;
        Lane& lane = lanes_[next % lanes_.size()];
        listener = listeners_[next % lanes_.size()];
        // The whole lane at once: a failure takes along what was sent behind it.
        const bool fails = fail_one_in_ > 0 && random.OneIn(fail_one_in_);
        for (const OutboundEvent& event : lane.waiting) {
          reports.push_back(
              {event.token, fails ? Verdict::kTransient : Verdict::kDelivered, "broker_down", {}});
          if (!fails) NoteOrder(event);
        }
        (fails ? failed : delivered) += reports.size();
        if (fails) lane.failures_given += reports.size();
        lane.waiting.clear();
      }
      if (!reports.empty()) listener->OnReports(reports);
    }
  }
  bool Empty() const REQUIRES(mutex_) {
    for (const Lane& lane : lanes_) {
      if (!lane.waiting.empty()) return false;
    }
    return true;
  }
  void NoteOrder(const OutboundEvent& event) REQUIRES(mutex_) {
    const uint64_t number = std::stoull(std::string(event.value));
    uint64_t& last = last_of_key_[std::string(event.key)];
    if (number <= last) ++disorders;
    last = number;
  }

  std::vector<DeliveryListener*> listeners_;  // set before the first Send
  base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<Lane> lanes_ GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> last_of_key_ GUARDED_BY(mutex_);
  bool held_ GUARDED_BY(mutex_) = false;
  bool stop_ GUARDED_BY(mutex_) = false;
  const uint64_t fail_one_in_;
  std::thread thread_;
};

class WorkerPoolTest : public ::testing::Test {
 protected:
  void Open(size_t workers, uint64_t fail_one_in, base::Duration gather = milliseconds(1)) {
    journal_ = std::make_unique<memory_journal::MemoryJournal>(
        memory_journal::MemoryJournal::Options{2'000, 16 << 20, workers});
    sink_ = std::make_unique<ThreadedSink>(workers, fail_one_in);
    WorkerPool::Options options;
    options.workers = workers;
    options.gather = gather;
    options.delivery.inflight_events_max = 100;
    options.delivery.transient_retries =
        domain::RetryPolicy(std::chrono::microseconds(50), milliseconds(1), 0);
    pool_ = std::make_unique<WorkerPool>(
        options, DeliveryContext{*journal_, *sink_, drain_rate_, receipts_, clock_, telemetry_, log_});
  }
  // The sink's last report comes before the listeners go.
  void TearDown() override {
    sink_->Stop();
    pool_.reset();
  }

  // Numbers from 1, a few keys; waits for room.
  void AcceptMany(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      domain::EventBatch batch;
      ++accepted_;
      support::AddRawEvent(batch, std::to_string(accepted_), std::to_string(accepted_ % 7), 0);
      while (journal_->Append(batch, clock_.Now()) != AppendResult::kAppended) std::this_thread::yield();
    }
  }

  support::RealClock clock_;
  support::RecordingTelemetry telemetry_;
  support::NullLog log_;
  DrainRate drain_rate_;
  Receipts receipts_{10'000};
  std::unique_ptr<memory_journal::MemoryJournal> journal_;
  std::unique_ptr<ThreadedSink> sink_;
  std::unique_ptr<WorkerPool> pool_;
  uint64_t accepted_ = 0;
};

TEST_F(WorkerPoolTest, DrainThatCannotEndReturnsAtItsDeadlineWithWhatIsLeft) {
  Open(2, 0);
  sink_->Hold(true);
  pool_->Start();
  AcceptMany(50);
  const auto deadline = clock_.Now() + milliseconds(30);
  EXPECT_EQ(pool_->Drain(deadline), 50U);
  EXPECT_GE(clock_.Now(), deadline);
  EXPECT_LT(clock_.Now(), deadline + seconds(20));
  EXPECT_GE(sink_->flushes, 1U);
  pool_->Stop();
  EXPECT_EQ(journal_->Stats().events, 50U);
}

TEST_F(WorkerPoolTest, FailuresAreRetriedUntilTheDrainIsDone) {
  Open(3, 4);
  pool_->Start();
  AcceptMany(5'000);
  EXPECT_EQ(pool_->Drain(clock_.Now() + seconds(60)), 0U);
  sink_->Stop();  // the last report settles its events before it has returned
  EXPECT_EQ(pool_->InFlight(), 0U);
  EXPECT_EQ(sink_->delivered, 5'000U);
  EXPECT_GT(sink_->failed, 0U);
  EXPECT_EQ(sink_->disorders, 0U);
  EXPECT_EQ(telemetry_.Read().delivered, 5'000U);
}

TEST_F(WorkerPoolTest, SeveralRequestThreadsAreServed) {
  Open(2, 0);
  pool_->Start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 2'000; ++i) {
        domain::EventBatch batch;
        support::AddRawEvent(batch, "1", std::nullopt, 0);
        while (journal_->Append(batch, clock_.Now()) != AppendResult::kAppended) std::this_thread::yield();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(pool_->Drain(clock_.Now() + seconds(60)), 0U);
  EXPECT_EQ(sink_->delivered, 6'000U);
}

TEST_F(WorkerPoolTest, EventsAcceptedBeforeTheStartAreDelivered) {
  Open(2, 0);
  AcceptMany(20);
  pool_->Start();
  EXPECT_EQ(pool_->Drain(clock_.Now() + seconds(60)), 0U);
}

// With nobody draining, the wake of a filled lane alone has to bring each event out.
TEST_F(WorkerPoolTest, EachEventWakesAnIdleWorker) {
  Open(1, 0, base::Duration(0));
  pool_->Start();
  for (uint64_t i = 1; i <= 2'000; ++i) {
    AcceptMany(1);
    while (journal_->Stats().events > 0) std::this_thread::yield();
    ASSERT_EQ(sink_->delivered, i);
  }
}

TEST_F(WorkerPoolTest, DrainDoesNotWaitForAGatheringWorker) {
  Open(1, 0, seconds(600));
  AcceptMany(1);
  pool_->Start();  // its first turn takes the event
  while (journal_->Stats().events > 0) std::this_thread::yield();
  AcceptMany(5);  // the worker has just been busy and gathers
  EXPECT_EQ(pool_->Drain(clock_.Now() + seconds(60)), 0U);
}

TEST_F(WorkerPoolTest, StopEndsAGatheringWorker) {
  Open(1, 0, seconds(600));
  AcceptMany(1);
  pool_->Start();  // its first turn takes the event
  while (journal_->Stats().events > 0) std::this_thread::yield();
  AcceptMany(1);
  const auto began = clock_.Now();
  pool_->Stop();
  pool_->Stop();
  EXPECT_LT(clock_.Now() - began, seconds(60));
}

TEST_F(WorkerPoolTest, PoolThatNeverStartedStopsToo) {
  Open(4, 0);
  EXPECT_EQ(pool_->InFlight(), 0U);
}

TEST_F(WorkerPoolTest, ReportsAfterStopAreStillTaken) {
  Open(1, 0);
  sink_->Hold(true);
  pool_->Start();
  AcceptMany(10);
  while (pool_->InFlight() < 10) std::this_thread::yield();
  pool_->Stop();
  sink_->Hold(false);
  while (pool_->InFlight() > 0) std::this_thread::yield();
  EXPECT_EQ(journal_->Stats().events, 0U);
}

}  // namespace
}  // namespace ei::app
