#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "delivery/delivery_worker.h"
#include "journal/idempotency_window.h"
#include "journal/memory_journal.h"
#include "support/checked_journal.h"
#include "support/events.h"
#include "support/recording_log.h"
#include "support/recording_telemetry.h"
#include "support/scripted_sink.h"
#include "support/virtual_clock.h"

namespace ei {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Values = std::vector<std::string>;

// One worker between a journal and a sink that the test controls.
class DeliveryWorkerTest : public ::testing::Test {
 protected:
  void Open() {
    worker_ = std::make_unique<DeliveryWorker>(
        0, DeliveryContext{journal_, drain_rate_, clock_, telemetry_, log_, file_}, sink_,
        RetryPolicy(milliseconds(100), seconds(10), 0), 1);
  }

  void Accept(const Values& values, std::string_view key = "k") {
    EventBatch batch;
    for (const std::string& value : values) support::AddRawEvent(batch, value, key, 0);
    ASSERT_EQ(journal_.Append(batch, clock_.Now()), AppendResult::kAppended);
  }

  // Calls Turn until the worker has nothing scheduled, advancing the clock to each next turn.
  void TurnsThroughWaits() {
    for (int i = 0; i < 100; ++i) {
      worker_->Turn();
      const auto next = worker_->NextTurn();
      if (!next) return;
      clock_.AdvanceTo(std::max(*next, clock_.Now()));
    }
  }

  uint64_t InJournal() const { return journal_.Stats().events; }
  // Events that the sink has and has not reported.
  Values Waiting() const {
    Values values;
    for (const auto& added : sink_.Waiting()) values.push_back(added.value);
    return values;
  }
  Values DeadLetters() const {
    Values values;
    for (const auto& dead_letter : sink_.DeadLetters()) values.push_back(dead_letter.value);
    return values;
  }

  support::VirtualClock clock_;
  support::RecordingTelemetry telemetry_;
  support::RecordingLog log_;
  DrainRate drain_rate_;
  DeadLetterFile* file_ = nullptr;  // before Open
  support::ScriptedSink sink_;
  IdempotencyWindow window_{{.ids = {.events_max = 100}, .key = {1, 2}}};
  MemoryJournal memory_{{.events_max = 10'000, .bytes_max = 64 << 20, .lanes = 1, .window = &window_}};
  support::CheckedJournal journal_{memory_};
  std::unique_ptr<DeliveryWorker> worker_;

  void SetUp() override {
    journal_.OnLaneFilled([](size_t) {});
  }
};

}  // namespace ei
