#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "app/ports/event_sink.h"

namespace ei::support {

// A sink that does nothing by itself: the test says when each event's report comes and what it is. Events are
// named by their value. Not thread-safe.
class ScriptedSink final : public app::EventSink {
 public:
  struct Sent {
    size_t lane = 0;
    uint64_t token = 0;
    std::string value;
    app::Grouping grouping = app::Grouping::kTogether;
    bool dead_letter = false;
    std::string code;  // of the dead letter's note
    std::string reason;
    uint32_t attempts = 0;
    std::string topic;
    std::string reference;
    app::OutboundEvent event;  // views, valid until the report
  };

  void Attach(size_t lane, app::DeliveryListener& listener) override { listeners_[lane] = &listener; }

  // By default all events have the same destination.
  void Route(std::function<app::Destinations(const app::OutboundEvent&)> route) { route_ = std::move(route); }
  app::Destinations DestinationsOf(const app::OutboundEvent& event) const override {
    return route_ ? route_(event) : app::Destinations{};
  }
  void RouteByHash(std::function<app::Destinations(uint32_t key_hash)> route) {
    route_ = [route](const app::OutboundEvent& event) { return route(event.key_hash); };
    hash_route_ = std::move(route);
  }
  app::Destinations DestinationsOf(uint32_t /*topic*/, uint32_t key_hash) const override {
    return hash_route_ ? hash_route_(key_hash) : app::Destinations{};
  }

  void Send(size_t lane, std::span<const app::OutboundEvent> events, app::Grouping grouping,
            uint64_t failures_seen) override {
    EXPECT_LE(failures_seen, failures_given_[lane])
        << "more than there were: the sink would take nothing more";
    std::vector<std::string> values;
    for (const app::OutboundEvent& event : events) {
      values.emplace_back(event.value);
      in_flight_.push_back({lane, event.token, values.back(), grouping, false, {}, {}, 0, {}, {}, event});
    }
    sends_.push_back(std::move(values));
    if (on_send_) on_send_();
  }

  void SendDeadLetter(size_t lane, const app::OutboundEvent& event,
                      const app::DeadLetterNote& note) override {
    in_flight_.push_back({lane, event.token, std::string(event.value), app::Grouping::kAlone, true,
                          std::string(note.code), std::string(note.reason), note.attempts,
                          std::string(note.topic), std::string(note.reference), event});
    if (on_send_) on_send_();
  }

  void Flush() override { ++flushes_; }
  app::SinkStatus Status() const override { return {app::Contact::kReached}; }

  // What is in flight, oldest first.
  const std::vector<Sent>& InFlight() const { return in_flight_; }
  // The values of each Send since the last call.
  std::vector<std::vector<std::string>> TakeSends() { return std::exchange(sends_, {}); }
  // Called at the end of each Send and SendDeadLetter, from within it.
  void OnSend(std::function<void()> call) { on_send_ = std::move(call); }

  void Report(const std::vector<std::string>& values, app::Verdict verdict, std::string_view code = {},
              const std::string& reason = {}, std::string_view topic = {}) {
    std::map<size_t, std::vector<app::DeliveryReport>> reports;
    for (const std::string& value : values) {
      const auto found = std::find_if(in_flight_.begin(), in_flight_.end(),
                                      [&](const Sent& sent) { return sent.value == value; });
      ASSERT_NE(found, in_flight_.end()) << value << " is not in flight";
      EXPECT_EQ(found->event.value, found->value) << "the bytes changed before the report";
      failures_given_[found->lane] += verdict != app::Verdict::kDelivered ? 1 : 0;
      reports[found->lane].push_back({found->token, verdict, code, reason, topic});
      in_flight_.erase(found);
    }
    for (auto& [lane, of_lane] : reports) listeners_.at(lane)->OnReports(of_lane);
  }

  void ReportAll(app::Verdict verdict, std::string_view code = {}) {
    std::vector<std::string> values;
    for (const Sent& sent : in_flight_) values.push_back(sent.value);
    Report(values, verdict, code);
  }

 private:
  std::map<size_t, app::DeliveryListener*> listeners_;
  std::map<size_t, uint64_t> failures_given_;
  std::vector<Sent> in_flight_;
  std::vector<std::vector<std::string>> sends_;
  std::function<void()> on_send_;
  std::function<app::Destinations(const app::OutboundEvent&)> route_;
  std::function<app::Destinations(uint32_t)> hash_route_;
  int flushes_ = 0;
};

}  // namespace ei::support
