#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "delivery/event_sink.h"
#include "journal/event_runs.h"

namespace ei::support {

// A sink with one lane that does nothing by itself: the test decides when an event is delivered, rejected or
// fails. Events are named by their value. Not thread-safe.
class ScriptedSink final : public EventSink, public SinkLane {
 public:
  struct Added {
    std::string value;
    std::string key;
    std::string topic;
    uint64_t position = 0;
    EventRun run;
  };
  struct DeadLetter {
    uint64_t token = 0;
    std::string value;
    std::string code;
    std::string reason;
    std::string topic;
    std::string reference;
    uint32_t attempts = 0;
  };

  SinkLane& Lane(size_t lane) override {
    EXPECT_EQ(lane, 0U);
    return *this;
  }
  bool IsStalled(std::string_view, std::optional<uint32_t>) const override { return stalled; }
  SinkStatus Status() const override { return {Connectivity::kConnected}; }

  void Attach(DeliveryListener& listener, SentLog*) override { listener_ = &listener; }
  void Add(const JournalEvent& event) override {
    waiting_.push_back({std::string(event.value), std::string(event.key), std::string(event.topic),
                        event.position, ei::RunOf(event)});
    if (on_add_) on_add_();
  }
  void AddDeadLetter(uint64_t token, const EventView& event, const DeadLetterNote& note) override {
    dead_letters_.push_back({token, std::string(event.value), std::string(note.code),
                             std::string(note.reason), std::string(note.topic), std::string(note.reference),
                             note.attempts});
  }
  void Run(base::SteadyTime) override {}
  void Wake() override {}
  uint64_t InFlight() const override { return waiting_.size(); }

  // Values that were added and not reported, oldest first.
  const std::vector<Added>& Waiting() const { return waiting_; }
  const std::vector<DeadLetter>& DeadLetters() const { return dead_letters_; }
  // Called at the end of each Add, from within it.
  void OnAdd(std::function<void()> call) { on_add_ = std::move(call); }

  // Reports these as delivered, in one batch and in this order.
  void Deliver(const std::vector<std::string>& values, std::string_view topic = {}, int32_t partition = -1,
               int64_t first_offset = -1) {
    std::vector<uint64_t> positions;
    std::vector<EventRun> runs;
    for (const std::string& value : values) {
      const Added added = Take(value);
      positions.push_back(added.position);
      ei::AppendRun(runs, added.run);
    }
    listener_->OnDelivered({positions, runs, {{}, topic, partition, first_offset}});
  }
  void DeliverAll() {
    std::vector<std::string> values;
    for (const Added& added : waiting_) values.push_back(added.value);
    Deliver(values);
  }
  void Reject(const std::string& value, std::string_view code, const std::string& reason = {},
              std::string_view topic = {}, uint32_t attempts = 1) {
    const Added added = Take(value);
    std::string bytes = added.value + added.key;  // overwritten when the listener has returned
    RejectedEvent rejected;
    rejected.event.value = std::string_view(bytes).substr(0, added.value.size());
    rejected.event.key = std::string_view(bytes).substr(added.value.size());
    rejected.event.has_key = !added.key.empty();
    rejected.position = added.position;
    rejected.run = added.run;
    rejected.code = code;
    rejected.reason = reason;
    rejected.topic = topic;
    rejected.attempts = attempts;
    listener_->OnRejected(rejected);
    std::ranges::fill(bytes, '#');
  }
  // Reports the result of the dead letter with this value.
  void ReportDeadLetter(const std::string& value, DeadLetterResult result, std::string_view code = {},
                        const std::string& reason = {}) {
    const auto found = std::ranges::find(dead_letters_, value, &DeadLetter::value);
    ASSERT_NE(found, dead_letters_.end()) << value << " was not given to the sink as a dead letter";
    const uint64_t token = found->token;
    dead_letters_.erase(found);
    listener_->OnDeadLetter({token, result, code, reason});
  }

  bool stalled = false;

 private:
  Added Take(const std::string& value) {
    const auto found = std::ranges::find(waiting_, value, &Added::value);
    if (found == waiting_.end()) {
      ADD_FAILURE() << value << " was not added to the sink, or was reported already";
      return {};
    }
    Added added = std::move(*found);
    waiting_.erase(found);
    return added;
  }

  DeliveryListener* listener_ = nullptr;
  std::vector<Added> waiting_;
  std::vector<DeadLetter> dead_letters_;
  std::function<void()> on_add_;
};

}  // namespace ei::support
