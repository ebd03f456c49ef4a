#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/murmur2.h"
#include "delivery/event_sink.h"
#include "journal/event_runs.h"

namespace ei::kafka {

// Adds events to a lane of a sink and records their results. Not thread-safe.
class LaneBook final : public DeliveryListener {
 public:
  struct Entry {
    int reports = 0;
    bool delivered = false;
    std::string code;
    std::string reason;
    std::string topic;
    int32_t partition = -1;
    int64_t offset = -1;
    uint32_t attempts = 0;
    std::string value;  // of a rejected event, as what follows
    std::optional<std::string> key;
    uint32_t key_hash = 0;
    std::string client;
    std::string traceparent;
  };
  struct Outgoing {
    std::string value;
    std::optional<std::string> key;
    std::string traceparent = {};
    std::string topic = {};
    std::string client = {};
  };

  explicit LaneBook(EventSink& sink, size_t lane = 0, SentLog* sent = nullptr) : lane_(sink.Lane(lane)) {
    lane_.Attach(*this, sent);
  }

  // Returns the number of the first event.
  size_t Add(const std::vector<Outgoing>& events) {
    const size_t first = entries_.size();
    for (const Outgoing& one : events) {
      const auto view = ViewOf(one);
      JournalEvent event;
      static_cast<EventView&>(event) = view;
      event.position = entries_.size();
      event.held_bytes = 10;
      entries_.emplace_back();
      lane_.Add(event);
    }
    return first;
  }
  size_t AddDeadLetter(const Outgoing& event, const DeadLetterNote& note) {
    entries_.emplace_back();
    lane_.AddDeadLetter(entries_.size() - 1, ViewOf(event), note);
    return entries_.size() - 1;
  }

  // Runs until each event has a report; false on timeout.
  bool Complete(std::chrono::milliseconds timeout = std::chrono::seconds(30)) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (reported_ < entries_.size()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      lane_.Run(std::chrono::steady_clock::now() + std::chrono::milliseconds(5));
    }
    return true;
  }
  template <typename Condition>
  bool RunUntil(Condition condition, std::chrono::milliseconds timeout = std::chrono::seconds(30)) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      lane_.Run(std::chrono::steady_clock::now() + std::chrono::milliseconds(5));
    }
    return true;
  }

  size_t Size() const { return entries_.size(); }
  const Entry& operator[](size_t number) const { return entries_[number]; }
  size_t Delivered() const {
    return static_cast<size_t>(std::ranges::count(entries_, true, &Entry::delivered));
  }

  void OnDelivered(const SettledEvents& delivered) override {
    int64_t offset = delivered.result.offset;
    for (const uint64_t position : delivered.positions) {
      Entry& entry = Report(position);
      entry.delivered = true;
      entry.topic = delivered.result.topic;
      entry.partition = delivered.result.partition;
      entry.offset = offset < 0 ? -1 : offset++;
    }
  }
  void OnRejected(const RejectedEvent& rejected) override {
    Entry& entry = Report(rejected.position);
    entry.code = rejected.code;
    entry.reason = rejected.reason;
    entry.topic = rejected.topic;
    entry.attempts = rejected.attempts;
    entry.value = rejected.event.value;
    if (rejected.event.has_key) entry.key = rejected.event.key;
    entry.key_hash = rejected.event.key_hash;
    entry.client = rejected.event.context.client;
    entry.traceparent = rejected.event.context.traceparent;
    EXPECT_EQ(rejected.run.held_bytes, 10U);
  }
  void OnDeadLetter(const DeadLetterReport& report) override {
    Entry& entry = Report(report.token);
    entry.delivered = report.result == DeadLetterResult::kWritten;
    entry.code = report.code;
    entry.reason = report.reason;
  }

 private:
  Entry& Report(uint64_t number) {
    EXPECT_EQ(++entries_.at(number).reports, 1) << number;
    ++reported_;
    return entries_[number];
  }
  static EventView ViewOf(const Outgoing& one) {
    EventView view;
    view.value = one.value;
    view.has_key = one.key.has_value();
    if (one.key) {
      view.key = *one.key;
      view.key_hash = base::Murmur2(*one.key);
    }
    view.topic = one.topic;
    view.context.client = one.client;
    view.context.traceparent = one.traceparent;
    return view;
  }

  SinkLane& lane_;
  std::vector<Entry> entries_;
  size_t reported_ = 0;
};

}  // namespace ei::kafka
