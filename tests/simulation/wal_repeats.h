#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapters/wal/wal_journal.h"
#include "app/idempotency_window.h"
#include "app/ports/event_decoder.h"
#include "app/receipts.h"
#include "support/random.h"

namespace ei::simulation {

// The idempotency window of one life, and what it has to know: the events that it found in the log, and all
// that were accepted since. It is larger than any life, so it forgets nothing by itself.
class WalRepeats {
 public:
  WalRepeats(const wal::WalOptions& options, uint64_t seed)
      : window_({.ids = {options.retain_events, options.retain_time, kRequestEventsMax}, .key = {seed, 1}}) {}

  // `once`: no event is in the log twice. One that could not be read when its client sent it again is.
  void Restore(const wal::WalJournal& journal, app::EventDecoder& decoder, bool once) {
    journal.ReadRetained([&](const wal::RetainedEvent& event) {
      const auto decoded = decoder.DecodeDocument(event.value);
      ASSERT_EQ(decoded.events.size(), 1U) << event.value;
      window_.Restore(decoded.events.front(), event.position, event.accepted_at, event.settled);
      Know(std::string(decoded.events.front().id.text));
    });
    EXPECT_TRUE(once ? window_.Size() == known_.size() : window_.Size() >= known_.size());
  }

  // Checks what a request that was accepted was found to repeat.
  void Check(const app::Submission& submission) {
    auto repeat = submission.repeats.begin();
    for (uint32_t i = 0; i < submission.batch.Size(); ++i) {
      const std::string label(submission.batch.RawId(i));
      const bool repeated = repeat != submission.repeats.end() && repeat->event == i;
      ASSERT_EQ(repeated, Knows(label)) << label;
      if (repeated) ++repeat;
      Know(label);
    }
  }

  bool Knows(const std::string& label) const { return known_.contains(label); }

  // An event that a client may send again; empty: there is none. Good ones only, as a dead letter is
  // forgotten.
  std::string AnyToRepeat(support::Random& random) const {
    return good_.empty() ? std::string() : good_[random.Below(good_.size())];
  }

  app::IdempotencyWindow& Window() { return window_; }

 private:
  static constexpr uint64_t kRequestEventsMax = 100;

  void Know(const std::string& label) {
    if (known_.insert(label).second && label.starts_with("#g")) good_.push_back(label);
  }

  app::IdempotencyWindow window_;
  std::set<std::string> known_;
  std::vector<std::string> good_;
};

// Requests of level broker, and what they may be told: that the sink has each of their events.
class WalReceipts {
 public:
  explicit WalReceipts(app::Receipts& receipts) : receipts_(receipts), inbox_(receipts.AddInbox([] {})) {}

  app::Receipt& New(std::vector<std::string> labels) {
    waiting_.emplace_back(receipts_, inbox_, std::move(labels));
    return waiting_.back();
  }
  void Drop() { waiting_.pop_back(); }  // the last one

  // `arrived` says whether the sink has an event. Returns how many requests were answered.
  template <typename Arrived>
  uint64_t Answer(Arrived arrived) {
    std::vector<app::Receipt*> finished;
    receipts_.Take(inbox_, finished);
    uint64_t answered = 0;
    for (auto request = waiting_.begin(); request != waiting_.end();) {
      if (request->Entered()) {
        ++request;
        continue;
      }
      for (const std::string& label : request->labels) {
        EXPECT_TRUE(arrived(label)) << label << " was confirmed, and the sink doesn't have it";
      }
      ++answered;
      request = waiting_.erase(request);
    }
    return answered;
  }

  bool Empty() const { return waiting_.empty(); }

 private:
  struct Request final : public app::Receipt {
    Request(app::Receipts& receipts, size_t inbox, std::vector<std::string> names)
        : Receipt(receipts, inbox), labels(std::move(names)) {}
    const std::vector<std::string> labels;
  };

  app::Receipts& receipts_;
  const size_t inbox_;
  std::list<Request> waiting_;
};

}  // namespace ei::simulation
