#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "app/ports/event_sink.h"
#include "base/murmur2.h"

namespace ei::kafka {

// A lane of a sink: hands events over and keeps the book of their reports. An event's bytes are overwritten
// and freed from within its report, as nothing may look at them afterwards.
class ReportBook final : public app::DeliveryListener {
 public:
  struct Entry {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
    int reports = 0;
    app::Verdict verdict = app::Verdict::kDelivered;
    std::string code;
    std::string reason;
    std::string topic;
    int32_t partition = -1;
    int64_t offset = -1;
  };
  struct Outgoing {
    std::string value;
    std::optional<std::string> key;
    std::string traceparent = {};
    std::string topic = {};
    // Sent to the first of the destinations that the sink gives for it, as a worker does.
    bool placed = false;
  };

  ReportBook(app::EventSink& sink, size_t lane) : sink_(sink), lane_(lane) { sink.Attach(lane, *this); }

  // Returns the token of the first.
  size_t Send(const std::vector<Outgoing>& events, app::Grouping grouping = app::Grouping::kTogether) {
    std::vector<app::OutboundEvent> outbound;
    const size_t first = Size();
    for (const Outgoing& event : events) outbound.push_back(Own(event));
    sink_.Send(lane_, outbound, grouping, Reported() - Count(app::Verdict::kDelivered));
    return first;
  }
  size_t SendDeadLetter(const Outgoing& event, const app::DeadLetterNote& note) {
    const size_t token = Size();
    sink_.SendDeadLetter(lane_, Own(event), note);
    return token;
  }

  // Waits until each event sent has a report; false when that takes too long.
  bool Complete(std::chrono::seconds patience = std::chrono::seconds(30)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [this] { return reported_ == entries_.size(); });
  }

  size_t Size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }
  size_t Reported() const {
    const std::lock_guard lock(mutex_);
    return reported_;
  }
  const Entry& operator[](size_t token) const {
    const std::lock_guard lock(mutex_);
    return entries_[token];
  }
  size_t Count(app::Verdict verdict) const {
    const std::lock_guard lock(mutex_);
    return static_cast<size_t>(std::count_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.reports > 0 && entry.verdict == verdict;
    }));
  }
  // Each event had one report, and no other token was named.
  void ExpectOneReportEach() const {
    const std::lock_guard lock(mutex_);
    for (size_t token = 0; token < entries_.size(); ++token)
      EXPECT_EQ(entries_[token].reports, 1) << "token " << token;
    EXPECT_EQ(strangers_, 0);
  }

  void OnReports(std::span<app::DeliveryReport> reports) override {
    const std::lock_guard lock(mutex_);
    for (app::DeliveryReport& report : reports) {
      if (report.token >= entries_.size()) {
        ++strangers_;
        continue;
      }
      Entry& entry = entries_[report.token];
      if (entry.reports++ > 0) continue;
      ++reported_;
      entry.verdict = report.verdict;
      entry.code = report.code;
      entry.reason = report.reason;
      entry.topic = report.topic;
      entry.partition = report.partition;
      entry.offset = report.offset;
      std::memset(entry.bytes.get(), '#', entry.size);
      entry.bytes.reset();
    }
    changed_.notify_all();
  }

 private:
  app::OutboundEvent Own(const Outgoing& event) {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_.emplace_back();
    const std::string key = event.key.value_or("");
    const std::string all = event.value + key + event.topic + event.traceparent;
    entry.size = all.size();
    entry.bytes = std::make_unique<char[]>(all.size() + 1);
    std::copy(all.begin(), all.end(), entry.bytes.get());
    const std::string_view bytes(entry.bytes.get(), all.size());
    app::OutboundEvent outbound;
    outbound.token = entries_.size() - 1;
    outbound.value = bytes.substr(0, event.value.size());
    outbound.key = bytes.substr(event.value.size(), key.size());
    outbound.has_key = event.key.has_value();
    outbound.key_hash = base::Murmur2(key);
    outbound.topic = bytes.substr(event.value.size() + key.size(), event.topic.size());
    outbound.traceparent = bytes.substr(event.value.size() + key.size() + event.topic.size());
    if (event.placed) outbound.destination = sink_.DestinationsOf(outbound).first;
    return outbound;
  }

  app::EventSink& sink_;
  const size_t lane_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> entries_;  // by token
  size_t reported_ = 0;
  int strangers_ = 0;
};

}  // namespace ei::kafka
