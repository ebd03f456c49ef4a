#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "adapters/memory_journal/memory_journal.h"
#include "app/delivery_worker.h"
#include "support/checked_journal.h"
#include "support/events.h"
#include "support/recording_log.h"
#include "support/recording_telemetry.h"
#include "support/scripted_sink.h"
#include "support/virtual_clock.h"

namespace ei::app {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Values = std::vector<std::string>;
using Sends = std::vector<Values>;

// One worker between a journal and a sink that does what the test says.
class DeliveryWorkerTest : public ::testing::Test {
 protected:
  void Open(size_t window = 8, uint32_t max_retries = 2) {
    DeliveryOptions options;
    options.unknown_topic_grace = seconds(60);
    options.inflight_events_max = window;
    options.taken_events_max = 10'000;
    options.event_retries = domain::RetryPolicy(milliseconds(100), seconds(10), max_retries);
    options.transient_retries = domain::RetryPolicy(milliseconds(100), seconds(10), 0);
    worker_ =
        std::make_unique<DeliveryWorker>(0, options,
                                         DeliveryContext{journal_, sink_, drain_rate_, receipts_, clock_,
                                                         telemetry_, log_, window_, file_, &stuck_},
                                         1, [this] { ++wakes_; });
  }

  void Accept(const Values& values, std::string_view key = "k") {
    domain::EventBatch batch;
    for (const std::string& value : values) support::AddRawEvent(batch, value, key, 0);
    ASSERT_EQ(journal_.Append(batch, clock_.Now()), AppendResult::kAppended);
  }
  // e0, e1, and so on, of one key.
  void AcceptMany(size_t count) {
    Values values;
    for (size_t i = 0; i < count; ++i) values.push_back("e" + std::to_string(i));
    Accept(values);
  }

  // Turns until the worker would wait, for a wake or for time to pass.
  std::optional<base::Duration> Turns() {
    for (int i = 0; i < 1'000; ++i) {
      const auto wait = worker_->Turn();
      if (wait != base::Duration(0)) return wait;
    }
    ADD_FAILURE() << "the worker never rests";
    return std::nullopt;
  }
  // The same, and on through every wait for time.
  void TurnsThroughWaits() {
    for (int i = 0; i < 100; ++i) {
      const auto wait = Turns();
      if (!wait) return;
      clock_.Advance(*wait);
    }
  }

  uint64_t InJournal() const { return journal_.Stats().events; }
  bool IsInFlight(const std::string& value) const {
    const auto& sent = sink_.InFlight();
    return std::ranges::find(sent, value, &support::ScriptedSink::Sent::value) != sent.end();
  }
  Values InFlight() const {
    Values values;
    for (const auto& sent : sink_.InFlight()) values.push_back(sent.value);
    return values;
  }

  support::VirtualClock clock_;
  support::RecordingTelemetry telemetry_;
  support::RecordingLog log_;
  DrainRate drain_rate_;
  Receipts receipts_{10'000};
  IdempotencyWindow* window_ = nullptr;  // before Open
  DeadLetterFile* file_ = nullptr;       // the same
  support::ScriptedSink sink_;
  memory_journal::MemoryJournal memory_{{.events_max = 10'000, .bytes_max = 64 << 20, .lanes = 1}};
  support::CheckedJournal journal_{memory_};
  StuckDestinations stuck_{sink_, journal_, 1};
  int wakes_ = 0;
  std::unique_ptr<DeliveryWorker> worker_;

  void SetUp() override {
    journal_.OnLaneFilled([](size_t) {});
  }
};

}  // namespace ei::app
