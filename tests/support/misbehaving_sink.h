#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "app/ports/event_sink.h"
#include "support/random.h"

namespace ei::support {

// A sink that does everything its port allows, at random: holds events and reports back, reports in any order
// and from within Send, fails for a while or once, refuses whole requests for the sake of one event.
//
// Each event's value holds a label "#<fate><number>#": g is good, i is invalid, r is refused for ever, m is
// refused as often as the retries allow and then taken. Numbers rise per key. It keeps the promise of order
// of app/ports/event_sink.h and checks what the worker owes it. Not thread-safe.
class MisbehavingSink final : public app::EventSink {
 public:
  struct Counts {
    uint64_t delivered = 0;
    uint64_t dead_lettered = 0;
    uint64_t transient = 0;
    uint64_t behind_a_failure = 0;
    uint64_t refused_alone = 0;
    uint64_t refused_together = 0;
    uint64_t invalid = 0;
    uint64_t letter_failed = 0;
    uint64_t reported_within_send = 0;
    uint64_t held_back = 0;
    uint64_t in_outage = 0;
  };

  MisbehavingSink(uint64_t seed, size_t lanes, size_t window, uint32_t max_retries)
      : random_(seed), lanes_(lanes), window_(window), max_retries_(max_retries) {}

  void Attach(size_t lane, app::DeliveryListener& listener) override { lanes_.at(lane).listener = &listener; }

  app::Destinations DestinationsOf(const app::OutboundEvent& event) const override {
    if (!event.has_key) return {layout_ * kLayout, ways_, 0, layout_};
    return DestinationsOf(0, event.key_hash);
  }
  app::Destinations DestinationsOf(uint32_t /*topic*/, uint32_t key_hash) const override {
    return {layout_ * kLayout + key_hash % ways_, 1, 0, layout_};
  }

  // The topic has another number of partitions from now on.
  void ChangeLayout() {
    ++layout_;
    ways_ = static_cast<uint32_t>(random_.Between(1, kDestinations));
  }

  void Send(size_t lane, std::span<const app::OutboundEvent> events, app::Grouping grouping,
            uint64_t failures_seen) override {
    EXPECT_LE(failures_seen, lanes_.at(lane).failures_given);
    EXPECT_FALSE(events.empty());
    EXPECT_TRUE(grouping == app::Grouping::kTogether || events.size() == 1);
    ++request_;
    for (const app::OutboundEvent& event : events) {
      if (random_.OneIn(5)) ++request_;
      if (event.has_key && event.destination / kLayout == layout_) {
        EXPECT_EQ(event.destination, DestinationsOf(event).first);
      }
      CheckGrouping(lanes_[lane], event.destination, grouping == app::Grouping::kAlone);
      Accept(lane, event, grouping == app::Grouping::kAlone, false);
    }
    ++request_;
    PerhapsReportNow(lane);
  }

  void SendDeadLetter(size_t lane, const app::OutboundEvent& event,
                      const app::DeadLetterNote& note) override {
    const char fate = LabelOf(event.value).first;
    EXPECT_EQ(note.code, fate == 'i' ? "invalid" : "refused") << "why it was dead-lettered: " << event.value;
    EXPECT_GE(note.attempts, fate == 'i' || !misbehaving_ ? 1U : max_retries_ + 1);
    Accept(lane, event, true, true);
    PerhapsReportNow(lane);
  }

  void Flush() override {}
  app::SinkStatus Status() const override { return {app::Contact::kReached}; }

  // Called with the value of each event that is delivered or dead-lettered.
  void OnArrival(std::function<void(std::string_view value)> call) { on_arrival_ = std::move(call); }

  // After a repair of the log, which moves events to its end.
  void AllowOvertaking() { overtaking_allowed_ = true; }

  // Faults that come and go; without them only the events' own fates are left.
  void Misbehave(bool on) { misbehaving_ = on; }
  void SetOutage(bool on) { outage_ = on; }

  bool Idle() const {
    return std::all_of(lanes_.begin(), lanes_.end(),
                       [](const Lane& lane) { return lane.flights.empty() && lane.decided.empty(); });
  }

  // Lets something happen in one lane.
  void Progress() {
    const size_t first = random_.Below(lanes_.size());
    for (size_t i = 0; i < lanes_.size(); ++i) {
      const size_t lane = (first + i) % lanes_.size();
      if (lanes_[lane].flights.empty() && lanes_[lane].decided.empty()) continue;
      Decide(lanes_[lane]);
      if (misbehaving_ && random_.OneIn(3)) {
        ++counts_.held_back;
        return;
      }
      Report(lanes_[lane]);
      return;
    }
  }

  const Counts& Total() const { return counts_; }
  // How often each label was delivered and dead-lettered.
  const std::map<std::string, int>& Delivered() const { return delivered_; }
  const std::map<std::string, int>& DeadLettered() const { return dead_lettered_; }

 private:
  static constexpr uint32_t kDestinations = 3;
  static constexpr app::DestinationId kLayout = 100;  // destinations of a layout, and more

  struct Flight {
    app::OutboundEvent event;
    std::string value;  // a copy, to see whether the views stay valid
    uint64_t request = 0;
    bool alone = false;
    bool letter = false;
  };
  struct Lane {
    app::DeliveryListener* listener = nullptr;
    std::vector<Flight> flights;                                  // in the order of Send
    std::vector<std::pair<Flight, app::DeliveryReport>> decided;  // not yet reported
    std::map<app::DestinationId, std::set<std::string>> broken;   // keys behind a transient failure
    uint64_t failures_given = 0;
  };

  static std::pair<char, uint64_t> LabelOf(std::string_view value) {
    const size_t at = value.find('#');
    EXPECT_NE(at, std::string_view::npos) << value;
    return {value[at + 1], std::strtoull(value.data() + at + 2, nullptr, 10)};
  }

  void Accept(size_t lane_number, const app::OutboundEvent& event, bool alone, bool letter) {
    Lane& lane = lanes_.at(lane_number);
    lane.flights.push_back({event, std::string(event.value), request_, alone, letter});
    size_t on_their_way = 0;
    ForEachEvent(lane, [&](const Flight&) { ++on_their_way; });
    EXPECT_LE(on_their_way, window_ + (window_ + 3) / 4 + kDestinations) << "beyond the window";
  }

  // That are not reported yet, dead letters aside.
  template <typename Take>
  static void ForEachEvent(const Lane& lane, Take take) {
    for (const Flight& flight : lane.flights) {
      if (!flight.letter) take(flight);
    }
    for (const auto& [flight, report] : lane.decided) {
      if (!flight.letter) take(flight);
    }
  }

  static void CheckGrouping(const Lane& lane, app::DestinationId destination, bool alone) {
    ForEachEvent(lane, [&](const Flight& flight) {
      if (flight.event.destination != destination) return;
      EXPECT_FALSE(alone || flight.alone) << "not all of its destination is back";
    });
  }

  void PerhapsReportNow(size_t lane) {
    if (!misbehaving_ || !random_.OneIn(4)) return;
    ++counts_.reported_within_send;
    Decide(lanes_[lane]);
    Report(lanes_[lane]);
  }

  // Settles the fate of some flights.
  void Decide(Lane& lane) {
    for (uint64_t n = random_.Between(1, 8); n > 0 && !lane.flights.empty(); --n) {
      size_t at = random_.Below(lane.flights.size());
      if (!lane.flights[at].letter && lane.flights[at].event.has_key)
        at = OldestOfKey(lane, lane.flights[at].event.key);
      DecideOne(lane, at);
    }
  }

  static size_t OldestOfKey(const Lane& lane, std::string_view key) {
    const auto oldest = std::find_if(lane.flights.begin(), lane.flights.end(), [&](const Flight& flight) {
      return !flight.letter && flight.event.has_key && flight.event.key == key;
    });
    return static_cast<size_t>(oldest - lane.flights.begin());
  }

  void DecideOne(Lane& lane, size_t at) {
    const Flight& flight = lane.flights[at];
    EXPECT_EQ(flight.event.value, flight.value) << "the bytes changed before the report";
    const char fate = LabelOf(flight.value).first;
    const std::string key(flight.event.key);
    if (flight.letter) {
      const bool fails = misbehaving_ && random_.OneIn(3);
      counts_.letter_failed += fails ? 1 : 0;
      if (!fails) {
        ++counts_.dead_lettered;
        on_arrival_(flight.event.value);
        ++dead_lettered_[Name(flight.value)];
      }
      return Finish(lane, at, fails ? app::Verdict::kTransient : app::Verdict::kDelivered,
                    fails ? "letters_down" : "");
    }
    std::set<std::string>& broken = lane.broken[flight.event.destination];
    if (flight.event.has_key && broken.contains(key)) {
      ++counts_.behind_a_failure;
      return Finish(lane, at, app::Verdict::kTransient, "behind_a_failure");
    }
    if (outage_ || (misbehaving_ && random_.OneIn(12))) {
      ++counts_.transient;
      counts_.in_outage += outage_ ? 1 : 0;
      if (flight.event.has_key) broken.insert(key);
      return Finish(lane, at, app::Verdict::kTransient, "broker_down");
    }
    if (fate == 'i') {
      ++counts_.invalid;
      return Finish(lane, at, app::Verdict::kEventInvalid, "invalid");
    }
    // The last ones: with nothing left to be delivered nobody would give them up.
    if (fate == 'r' && !misbehaving_ && flight.alone && refusals_[Name(flight.value)] > max_retries_)
      return Finish(lane, at, app::Verdict::kEventInvalid, "refused");
    if (fate == 'r' || (fate == 'm' && refusals_[Name(flight.value)] < max_retries_))
      return RefuseRequest(lane, at);
    ++counts_.delivered;
    on_arrival_(flight.event.value);
    ++delivered_[Name(flight.value)];
    if (flight.event.has_key && !overtaking_allowed_ && !out_of_order_.contains(key)) {
      uint64_t& last = last_of_key_[key];
      const uint64_t number = LabelOf(flight.value).second;
      EXPECT_LT(last, number) << "overtaken within key " << key;
      last = number;
    }
    Finish(lane, at, app::Verdict::kDelivered, "");
  }

  void RefuseRequest(Lane& lane, size_t at) {
    const uint64_t request = lane.flights[at].request;
    (lane.flights[at].alone ? counts_.refused_alone : counts_.refused_together) += 1;
    if (lane.flights[at].alone) ++refusals_[Name(lane.flights[at].value)];
    for (size_t i = lane.flights.size(); i-- > 0;) {
      const Flight& flight = lane.flights[i];
      if (flight.letter || flight.request != request) continue;
      if (flight.event.has_key)
        out_of_order_.insert(std::string(flight.event.key));  // nothing was promised for it
      Finish(lane, i, app::Verdict::kEventRefused, "refused");
    }
  }

  void Finish(Lane& lane, size_t at, app::Verdict verdict, std::string_view code) {
    const uint64_t token = lane.flights[at].event.token;
    lane.decided.emplace_back(std::move(lane.flights[at]),
                              app::DeliveryReport{token, verdict, code, std::string(code)});
    lane.flights.erase(lane.flights.begin() + static_cast<std::ptrdiff_t>(at));
  }

  // Some or all decided flights, in any order.
  void Report(Lane& lane) {
    if (lane.decided.empty()) return;
    for (size_t i = lane.decided.size(); i > 1; --i)
      std::swap(lane.decided[i - 1], lane.decided[random_.Below(i)]);
    const size_t count = misbehaving_ ? random_.Between(1, lane.decided.size()) : lane.decided.size();
    std::vector<app::DeliveryReport> reports;
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(lane.decided.back().first.event.value, lane.decided.back().first.value);
      reports.push_back(std::move(lane.decided.back().second));
      lane.failures_given += reports.back().verdict != app::Verdict::kDelivered ? 1 : 0;
      lane.decided.pop_back();
    }
    std::set<app::DestinationId> under_way;
    ForEachEvent(lane, [&](const Flight& flight) { under_way.insert(flight.event.destination); });
    std::erase_if(lane.broken, [&](const auto& of) { return !under_way.contains(of.first); });
    lane.listener->OnReports(reports);
  }

  static std::string Name(std::string_view value) {
    const size_t at = value.find('#');
    return std::string(value.substr(at, value.find('#', at + 1) + 1 - at));
  }

  Random random_;
  std::function<void(std::string_view)> on_arrival_ = [](std::string_view) {};
  std::vector<Lane> lanes_;
  const size_t window_;
  const uint32_t max_retries_;
  bool misbehaving_ = true;
  bool outage_ = false;
  uint32_t layout_ = 0;
  uint32_t ways_ = kDestinations;
  uint64_t request_ = 0;
  Counts counts_;
  std::map<std::string, int> delivered_;
  std::map<std::string, int> dead_lettered_;
  std::map<std::string, uint64_t> refusals_;
  std::map<std::string, uint64_t> last_of_key_;
  bool overtaking_allowed_ = false;
  std::set<std::string> out_of_order_;
};

}  // namespace ei::support
