#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ei::simulation {

// The clients' view: the events that were sent, how they were answered, and the events that arrived. Outlives
// every crash.
class WalLedger {
 public:
  enum class Told : uint8_t {
    kNothing,  // no answer, or a time-out: the event may be stored or not
    kRefused,
    kAccepted,  // at level memory: may be lost in a crash
    kDurable,   // at level wal: must never be lost
  };

  // Each event has its own label. A retry uses the same label if the client can rely on an idempotency
  // window; otherwise the retry is another event.
  void Sent(const std::string& label, std::string json) {
    sent_.try_emplace(label, Event{std::move(json), Told::kNothing});
  }
  const std::string& JsonOf(const std::string& label) const { return sent_.at(label).json; }

  // A client sends the event again after its time in the idempotency window: it is delivered once more.
  void SentAfterItsTime(const std::string& label) { may_come_again_.insert(label); }

  // Records an answer; the best answer of several is kept.
  void Tell(const std::string& label, Told told) {
    Event& event = sent_.at(label);
    event.told = std::max(event.told, told);
  }

  // A journal reported that all events below `position` are durable: no later one may end before it.
  void NoteDurable(uint64_t position) { durable_end_ = std::max(durable_end_, position); }
  uint64_t DurableEnd() const { return durable_end_; }

  // The process ended without a graceful stop: its answers at level memory guarantee nothing any more.
  void ForgetMemoryPromises() {
    for (auto& [label, event] : sent_) {
      if (event.told == Told::kAccepted) event.told = Told::kNothing;
    }
  }

  void Arrived(const std::map<std::string, int>& delivered, const std::map<std::string, int>& dead_lettered) {
    for (const auto& [label, count] : delivered) arrived_[label] += count;
    for (const auto& [label, count] : dead_lettered) arrived_[label] += count;
  }

  // Checks that the bytes that arrived are those that a client sent, with a timestamp added if they had none.
  void CheckUnaltered(std::string_view value) const {
    const size_t from = value.find('#');
    const size_t to = value.find('#', from + 1);
    ASSERT_NE(to, std::string_view::npos) << "not an event of this test: " << value;
    const auto event = sent_.find(std::string(value.substr(from, to + 1 - from)));
    ASSERT_NE(event, sent_.end()) << "never sent: " << value;
    const std::string& json = event->second.json;
    if (json.find("timestamp") != std::string::npos) {
      ASSERT_EQ(value, json);
      return;
    }
    constexpr std::string_view kAdded = R"({"timestamp":"2025-06-15T15:06:40.000Z",)";
    ASSERT_TRUE(value.starts_with(kAdded.substr(0, 14))) << value;
    ASSERT_EQ(value.substr(kAdded.size()), std::string_view(json).substr(1));
  }

  // Checks that each event that arrived was sent and not rejected; in a run without crashes, none arrived
  // twice.
  void CheckNothingInvented(bool repeats_allowed) const {
    for (const auto& [label, count] : arrived_) {
      const auto event = sent_.find(label);
      ASSERT_NE(event, sent_.end()) << label << " was never sent";
      ASSERT_NE(event->second.told, Told::kRefused) << label << " was rejected, but delivered";
      ASSERT_TRUE(count == 1 || repeats_allowed || may_come_again_.contains(label))
          << label << " was delivered " << count << " times";
    }
  }

  bool HasArrived(const std::string& label) const { return arrived_.contains(label); }

  // Events that were acknowledged durably and did not arrive.
  std::vector<std::string> Missing() const {
    std::vector<std::string> missing;
    for (const auto& [label, event] : sent_) {
      const bool promised = event.told == Told::kDurable || event.told == Told::kAccepted;
      if (promised && !arrived_.contains(label)) missing.push_back(label);
    }
    return missing;
  }

  uint64_t Repeats() const {
    uint64_t repeats = 0;
    for (const auto& [label, count] : arrived_) repeats += static_cast<uint64_t>(count) - 1;
    return repeats;
  }

 private:
  struct Event {
    std::string json;
    Told told = Told::kNothing;
  };

  std::map<std::string, Event> sent_;
  std::map<std::string, int> arrived_;
  uint64_t durable_end_ = 0;
  std::set<std::string> may_come_again_;
};

}  // namespace ei::simulation
