#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "delivery/delivery_worker.h"
#include "delivery/topic_limits.h"
#include "support/checked_journal.h"
#include "support/misbehaving_sink.h"
#include "support/null_log.h"
#include "support/recording_telemetry.h"
#include "support/virtual_clock.h"

namespace ei::support {

// Runs the delivery side in one thread, with virtual time. A worker gets a turn only when it was woken or
// when the time it asked for has come, so a lost wake-up shows up as a stall.
class DeliveryRig {
 public:
  // `inner` has `lanes` lanes and may serve several rigs, one after the other. Without `shared_clock` the rig
  // uses its own clock.
  DeliveryRig(size_t lanes, ei::Journal& inner, uint64_t seed, VirtualClock* shared_clock = nullptr)
      : clock(shared_clock != nullptr ? *shared_clock : own_clock_), journal(inner), sink(seed, lanes) {
    const DeliveryContext context{journal, drain_rate, clock, telemetry, log_};
    for (size_t i = 0; i < lanes; ++i) {
      lanes_.push_back(std::make_unique<Lane>());
      lanes_.back()->worker = std::make_unique<DeliveryWorker>(
          i, context, sink.Lane(i),
          ei::RetryPolicy(std::chrono::milliseconds(10), std::chrono::seconds(1), 0), seed + i);
    }
    journal.OnLaneFilled([this](size_t lane) { lanes_[lane]->woken = true; });
  }

  // Gives one runnable worker a turn. Returns false when no worker may run.
  bool RunOneWorker(uint64_t choice) {
    for (size_t i = 0; i < lanes_.size(); ++i) {
      Lane& lane = *lanes_[(choice + i) % lanes_.size()];
      const auto due = lane.worker->NextTurn();
      if (!lane.woken && !(due && *due <= clock.Now())) continue;
      lane.woken = false;
      lane.worker->Turn();
      return true;
    }
    return false;
  }

  // The earliest time at which a worker that was not woken gets a turn.
  std::optional<base::SteadyTime> NextTurn() const {
    std::optional<base::SteadyTime> next;
    for (const auto& lane : lanes_) {
      const auto due = lane->worker->NextTurn();
      if (due && (!next || *due < *next)) next = due;
    }
    return next;
  }

  // Stops all faults and runs until the journal is empty.
  void DrainAll() {
    sink.Misbehave(false);
    sink.SetOutage(false);
    for (int step = 0; journal.Stats().events > 0 && !::testing::Test::HasFailure(); ++step) {
      ASSERT_LT(step, 100'000) << "the journal does not become empty";
      if (RunOneWorker(0)) continue;
      if (!sink.Idle()) {
        sink.Progress();
        continue;
      }
      const auto next = NextTurn();
      ASSERT_TRUE(next.has_value()) << "stalled: " << journal.Stats().events
                                    << " events, and no worker will run";
      clock.AdvanceTo(*next);
    }
  }

  // Checks that each label in `accepted` was settled exactly once: good events were delivered, the others
  // were dead-lettered.
  void CheckFates(const std::vector<std::string>& accepted) const {
    for (const std::string& label : accepted) {
      const bool good = label[1] == 'g';
      const auto count = [&](const std::map<std::string, int>& of) {
        return of.contains(label) ? of.at(label) : 0;
      };
      ASSERT_EQ(count(sink.Delivered()), good ? 1 : 0) << label;
      ASSERT_EQ(count(sink.DeadLettered()), good ? 0 : 1) << label;
    }
    ASSERT_EQ(sink.Total().delivered + sink.Total().dead_lettered, accepted.size());
  }

  // Checks that accepted = delivered + dead-lettered + in the journal, by the sink's counts and by the
  // telemetry's.
  void CheckAccounts() const {
    const auto told = telemetry.Read();
    ASSERT_EQ(journal.Accepted(), journal.Settled() + journal.Stats().events);
    ASSERT_EQ(journal.Settled(), told.delivered + told.DeadLettered());
    ASSERT_LE(told.delivered, sink.Total().delivered)
        << "the sink may have delivered events that it has not reported yet";
    ASSERT_LE(told.DeadLettered(), sink.Total().dead_lettered);
    uint64_t taken = 0;
    for (const auto& lane : lanes_) taken += lane->worker->Taken();
    ASSERT_LE(taken, journal.Stats().events);
    ASSERT_LE(sink.Waiting(), taken);
  }

 private:
  struct Lane {
    std::unique_ptr<DeliveryWorker> worker;
    bool woken = true;
  };

  NullLog log_;
  VirtualClock own_clock_;

 public:
  VirtualClock& clock;
  RecordingTelemetry telemetry;
  DrainRate drain_rate;
  TopicLimits topic_limits;
  CheckedJournal journal;
  MisbehavingSink sink;

 private:
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace ei::support
