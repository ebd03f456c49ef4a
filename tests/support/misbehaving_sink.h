#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "delivery/event_sink.h"
#include "journal/event_runs.h"
#include "support/random.h"

namespace ei::support {

// A sink that randomly does everything its interface allows: it holds events for any time, delivers them in
// batches of any size, in any order between keys, rejects some, and reports from within Add. It loses no
// event.
//
// Each event's value contains a label "#<kind><number>#"; kind g is good, i is rejected. Numbers rise within
// a key. The sink keeps the ordering guarantee of delivery/event_sink.h and checks the worker's obligations.
// Not thread-safe.
class MisbehavingSink final : public EventSink {
 public:
  struct Counts {
    uint64_t delivered = 0;
    uint64_t dead_lettered = 0;
    uint64_t rejected = 0;
    uint64_t dead_letter_failed = 0;
    uint64_t reported_within_add = 0;
    uint64_t held_back = 0;
    uint64_t in_outage = 0;
  };

  MisbehavingSink(uint64_t seed, size_t lanes) : random_(seed) {
    for (size_t i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<OneLane>(*this));
  }

  SinkLane& Lane(size_t lane) override { return *lanes_.at(lane); }
  bool IsStalled(std::string_view, std::optional<uint32_t>) const override { return false; }
  SinkStatus Status() const override { return {Connectivity::kConnected}; }

  // `call` is called with the value of each event that is delivered or dead-lettered.
  void OnArrival(std::function<void(std::string_view value)> call) { on_arrival_ = std::move(call); }

  // For use after a repair of the log, which moves events to its end.
  void AllowOvertaking() { overtaking_allowed_ = true; }

  // Turns transient faults on or off. Without them only the result that each label requires occurs.
  void Misbehave(bool on) { misbehaving_ = on; }
  void SetOutage(bool on) { outage_ = on; }

  bool Idle() const {
    return std::ranges::all_of(lanes_, [](const auto& lane) { return lane->Idle(); });
  }

  // Makes one lane report something, unless there is an outage or it decides to hold back.
  void Progress() {
    if (outage_) {
      ++counts_.in_outage;
      return;
    }
    const size_t first = random_.Below(lanes_.size());
    for (size_t i = 0; i < lanes_.size(); ++i) {
      OneLane& lane = *lanes_[(first + i) % lanes_.size()];
      if (lane.Idle()) continue;
      if (misbehaving_ && random_.OneIn(3)) {
        ++counts_.held_back;
        return;
      }
      return lane.Report();
    }
  }

  const Counts& Total() const { return counts_; }
  uint64_t Waiting() const {
    uint64_t waiting = 0;
    for (const auto& lane : lanes_) waiting += lane->InFlight();
    return waiting;
  }
  // How many times each label was delivered, and dead-lettered.
  const std::map<std::string, int>& Delivered() const { return delivered_; }
  const std::map<std::string, int>& DeadLettered() const { return dead_lettered_; }

 private:
  struct Event {
    std::string value;
    std::string key;
    bool has_key = false;
    uint64_t position = 0;
    EventRun run;
  };

  class OneLane final : public SinkLane {
   public:
    explicit OneLane(MisbehavingSink& sink) : sink_(sink) {}

    void Attach(DeliveryListener& listener, SentLog*) override { listener_ = &listener; }
    void Add(const JournalEvent& event) override {
      events_.push_back({std::string(event.value), std::string(event.key), event.has_key, event.position,
                         ei::RunOf(event)});
      if (!sink_.misbehaving_ || sink_.outage_ || !sink_.random_.OneIn(8)) return;
      ++sink_.counts_.reported_within_add;
      Report();
    }
    void AddDeadLetter(uint64_t token, const EventView& event, const DeadLetterNote& note) override {
      EXPECT_EQ(LabelOf(event.value).first, 'i') << event.value;
      EXPECT_EQ(note.code, "invalid") << "dead-lettered with the wrong code: " << event.value;
      EXPECT_EQ(note.attempts, 1U);
      dead_letters_.emplace_back(token, std::string(event.value));
    }
    void Run(base::SteadyTime) override {}
    void Wake() override {}
    uint64_t InFlight() const override {
      uint64_t events = events_.size();
      for (const Arrived& batch : arrived_) events += batch.positions.size();
      return events;
    }
    bool Idle() const { return events_.empty() && arrived_.empty() && dead_letters_.empty(); }

    void Report() {
      const bool dead_letter = !dead_letters_.empty() && sink_.random_.OneIn(2);
      if (dead_letter || (events_.empty() && arrived_.empty())) {
        if (!dead_letters_.empty()) ReportDeadLetter();
        return;
      }
      if (!events_.empty() && (arrived_.empty() || sink_.random_.OneIn(2))) Arrive();
      // Delivered events may stay unreported for a while.
      if (arrived_.empty() || (sink_.misbehaving_ && sink_.random_.OneIn(2))) return;
      const size_t at = sink_.random_.Below(arrived_.size());
      const Arrived told = std::move(arrived_[at]);
      arrived_.erase(arrived_.begin() + static_cast<std::ptrdiff_t>(at));
      listener_->OnDelivered({told.positions, told.runs});
    }

   private:
    struct Arrived {
      std::vector<uint64_t> positions;
      std::vector<EventRun> runs;
    };

    void Arrive() {
      std::vector<Event> batch;
      for (uint64_t n = sink_.random_.Between(1, 8); n > 0 && !events_.empty(); --n) {
        const size_t at = OldestOfItsKey(sink_.random_.Below(events_.size()));
        batch.push_back(std::move(events_[at]));
        events_.erase(events_.begin() + static_cast<std::ptrdiff_t>(at));
      }
      Arrived arrived;
      for (const Event& event : batch) {
        if (LabelOf(event.value).first == 'i') {
          Reject(event);
          continue;
        }
        sink_.NoteDelivered(event);
        arrived.positions.push_back(event.position);
        ei::AppendRun(arrived.runs, event.run);
      }
      if (!arrived.positions.empty()) arrived_.push_back(std::move(arrived));
    }

    size_t OldestOfItsKey(size_t at) const {
      if (!events_[at].has_key) return at;
      const auto oldest = std::ranges::find_if(
          events_, [&](const Event& event) { return event.has_key && event.key == events_[at].key; });
      return static_cast<size_t>(oldest - events_.begin());
    }

    void Reject(const Event& event) {
      ++sink_.counts_.rejected;
      std::string bytes = event.value + event.key;  // overwritten when the listener has returned
      RejectedEvent rejected;
      rejected.event.value = std::string_view(bytes).substr(0, event.value.size());
      rejected.event.key = std::string_view(bytes).substr(event.value.size());
      rejected.event.has_key = event.has_key;
      rejected.position = event.position;
      rejected.run = event.run;
      rejected.code = "invalid";
      listener_->OnRejected(rejected);
      std::ranges::fill(bytes, '#');
    }

    void ReportDeadLetter() {
      const size_t at = sink_.random_.Below(dead_letters_.size());
      const auto [token, value] = dead_letters_[at];
      dead_letters_.erase(dead_letters_.begin() + static_cast<std::ptrdiff_t>(at));
      if (sink_.misbehaving_ && sink_.random_.OneIn(3)) {
        ++sink_.counts_.dead_letter_failed;
        const auto result =
            sink_.random_.OneIn(2) ? DeadLetterResult::kUnavailable : DeadLetterResult::kRejected;
        return listener_->OnDeadLetter({token, result, "letters_down"});
      }
      ++sink_.counts_.dead_lettered;
      ++sink_.dead_lettered_[Name(value)];
      sink_.on_arrival_(value);
      listener_->OnDeadLetter({.token = token});
    }

    MisbehavingSink& sink_;
    DeliveryListener* listener_ = nullptr;
    std::vector<Event> events_;     // in the order of Add
    std::vector<Arrived> arrived_;  // delivered, not reported
    std::vector<std::pair<uint64_t, std::string>> dead_letters_;
  };

  static std::pair<char, uint64_t> LabelOf(std::string_view value) {
    const size_t at = value.find('#');
    EXPECT_NE(at, std::string_view::npos) << value;
    return {value[at + 1], std::strtoull(value.data() + at + 2, nullptr, 10)};
  }
  static std::string Name(std::string_view value) {
    const size_t at = value.find('#');
    return std::string(value.substr(at, value.find('#', at + 1) + 1 - at));
  }

  void NoteDelivered(const Event& event) {
    ++counts_.delivered;
    ++delivered_[Name(event.value)];
    on_arrival_(event.value);
    if (!event.has_key || overtaking_allowed_) return;
    uint64_t& last = last_of_key_[event.key];
    const uint64_t number = LabelOf(event.value).second;
    EXPECT_LT(last, number) << "out of order within key " << event.key;
    last = number;
  }

  Random random_;
  std::function<void(std::string_view)> on_arrival_ = [](std::string_view) {};
  std::vector<std::unique_ptr<OneLane>> lanes_;
  bool misbehaving_ = true;
  bool outage_ = false;
  Counts counts_;
  std::map<std::string, int> delivered_;
  std::map<std::string, int> dead_lettered_;
  std::map<std::string, uint64_t> last_of_key_;
  bool overtaking_allowed_ = false;
};

}  // namespace ei::support
