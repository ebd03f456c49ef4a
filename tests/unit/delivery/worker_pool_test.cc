// With real threads and the machine's clock.

#include "delivery/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "journal/event_runs.h"
#include "journal/memory_journal.h"
#include "support/events.h"
#include "support/null_log.h"
#include "support/recording_telemetry.h"
#include "support/virtual_clock.h"

namespace ei {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// In its Run each lane delivers the events that were added before, unless the sink is on hold.
class InstantSink final : public EventSink {
 public:
  explicit InstantSink(size_t lanes) {
    for (size_t i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<OneLane>(*this));
  }

  SinkLane& Lane(size_t lane) override { return *lanes_.at(lane); }
  bool IsStalled(std::string_view, std::optional<uint32_t>) const override { return false; }
  SinkStatus Status() const override { return {Connectivity::kConnected}; }

  void Hold(bool on) {
    held_.store(on);
    for (auto& lane : lanes_) lane->Wake();
  }

  std::atomic<uint64_t> delivered{0};
  std::atomic<uint64_t> disorders{0};

 private:
  class OneLane final : public SinkLane {
   public:
    explicit OneLane(InstantSink& sink) : sink_(sink) {}
    void Attach(DeliveryListener& listener, SentLog*) override { listener_ = &listener; }
    void Add(const JournalEvent& event) override {
      positions_.push_back(event.position);
      AppendRun(runs_, RunOf(event));
      const uint64_t number = std::stoull(std::string(event.value));
      uint64_t& last = last_of_key_[std::string(event.key)];
      if (event.has_key && number <= last) ++sink_.disorders;
      last = number;
      ++in_flight_;
    }
    void AddDeadLetter(uint64_t, const EventView&, const DeadLetterNote&) override {
      ADD_FAILURE() << "no event is rejected in these tests";
    }
    void Run(base::SteadyTime until) override {
      Deliver();
      base::MutexLock lock(mutex_);
      while (!woken_ && std::chrono::steady_clock::now() < until) {
        if (until == base::SteadyTime::max()) {
          changed_.Wait(mutex_);
        } else {
          changed_.WaitUntil(mutex_, until);
        }
      }
      woken_ = false;
    }
    void Wake() override {
      {
        base::MutexLock lock(mutex_);
        woken_ = true;
      }
      changed_.NotifyOne();
    }
    uint64_t InFlight() const override { return in_flight_; }

   private:
    void Deliver() {
      if (sink_.held_ || positions_.empty()) return;
      const auto positions = std::exchange(positions_, {});
      const auto runs = std::exchange(runs_, {});
      sink_.delivered += positions.size();
      in_flight_ -= positions.size();
      listener_->OnDelivered({positions, runs});
    }

    InstantSink& sink_;
    DeliveryListener* listener_ = nullptr;
    std::vector<uint64_t> positions_;
    std::vector<EventRun> runs_;
    std::map<std::string, uint64_t> last_of_key_;
    std::atomic<uint64_t> in_flight_{0};
    base::Mutex mutex_;
    base::CondVar changed_;
    bool woken_ GUARDED_BY(mutex_) = false;
  };

  std::atomic<bool> held_{false};
  std::vector<std::unique_ptr<OneLane>> lanes_;
};

class WorkerPoolTest : public ::testing::Test {
 protected:
  void Open(size_t workers, base::Duration gather = milliseconds(1)) {
    journal_ = std::make_unique<MemoryJournal>(MemoryJournal::Options{2'000, 16 << 20, workers});
    sink_ = std::make_unique<InstantSink>(workers);
    WorkerPool::Options options;
    options.workers = workers;
    options.gather = gather;
    pool_ = std::make_unique<WorkerPool>(
        options, DeliveryContext{*journal_, drain_rate_, clock_, telemetry_, log_}, *sink_);
  }

  // Appends events with numbers from 1 and a few keys. Waits for room.
  void AcceptMany(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      EventBatch batch;
      ++accepted_;
      support::AddRawEvent(batch, std::to_string(accepted_), std::to_string(accepted_ % 7), 0);
      while (journal_->Append(batch, clock_.Now()) != AppendResult::kAppended) std::this_thread::yield();
    }
  }

  support::RealClock clock_;
  support::RecordingTelemetry telemetry_;
  support::NullLog log_;
  DrainRate drain_rate_;
  std::unique_ptr<MemoryJournal> journal_;
  std::unique_ptr<InstantSink> sink_;
  std::unique_ptr<WorkerPool> pool_;
  uint64_t accepted_ = 0;
};

TEST_F(WorkerPoolTest, DrainThatCannotEndReturnsAtItsDeadlineWithWhatIsLeft) {
  Open(2);
  sink_->Hold(true);
  pool_->Start();
  AcceptMany(50);
  const auto deadline = clock_.Now() + milliseconds(30);
  EXPECT_EQ(pool_->Drain(deadline), 50U);
  EXPECT_GE(clock_.Now(), deadline);
  EXPECT_LT(clock_.Now(), deadline + seconds(20));
  pool_->Stop();
  EXPECT_EQ(journal_->Stats().events, 50U);
}

TEST_F(WorkerPoolTest, EveryLaneDeliversItsKeysInTheirOrder) {
  Open(3);
  pool_->Start();
  AcceptMany(5'000);
  EXPECT_EQ(pool_->Drain(clock_.Now() + seconds(60)), 0U);
  pool_->Stop();
  EXPECT_EQ(pool_->InFlight(), 0U);
  EXPECT_EQ(pool_->Waiting(), 0U);
  EXPECT_EQ(sink_->delivered, 5'000U);
  EXPECT_EQ(sink_->disorders, 0U);
  EXPECT_EQ(telemetry_.Read().delivered, 5'000U);
}

TEST_F(WorkerPoolTest, SeveralRequestThreadsAreServed) {
  Open(2);
  pool_->Start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 2'000; ++i) {
        EventBatch batch;
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
  Open(2);
  AcceptMany(20);
  pool_->Start();
  EXPECT_EQ(pool_->Drain(clock_.Now() + seconds(60)), 0U);
}

// Without Drain, only the wake of a filled lane makes the worker deliver each event.
TEST_F(WorkerPoolTest, EachEventWakesAnIdleWorker) {
  Open(1, base::Duration(0));
  pool_->Start();
  for (uint64_t i = 1; i <= 2'000; ++i) {
    AcceptMany(1);
    while (journal_->Stats().events > 0) std::this_thread::yield();
    ASSERT_EQ(sink_->delivered, i);
  }
}

TEST_F(WorkerPoolTest, DrainDoesNotWaitForAGatheringWorker) {
  Open(1, seconds(600));
  AcceptMany(1);
  pool_->Start();  // its first turn takes the event
  while (journal_->Stats().events > 0) std::this_thread::yield();
  AcceptMany(5);  // the worker has just been busy and gathers
  EXPECT_EQ(pool_->Drain(clock_.Now() + seconds(60)), 0U);
}

TEST_F(WorkerPoolTest, StopEndsAGatheringWorker) {
  Open(1, seconds(600));
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
  Open(4);
  EXPECT_EQ(pool_->InFlight(), 0U);
}

TEST_F(WorkerPoolTest, WhatIsNotDeliveredStaysInTheJournalAtTheStop) {
  Open(1);
  sink_->Hold(true);
  pool_->Start();
  AcceptMany(10);
  while (pool_->InFlight() < 10) std::this_thread::yield();
  pool_->Stop();
  EXPECT_EQ(journal_->Stats().events, 10U);
}

}  // namespace
}  // namespace ei
