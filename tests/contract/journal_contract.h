#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "contract/journal_makers.h"
#include "support/events.h"
#include "support/taken_events.h"

namespace ei::contract {

using support::TakenEvent;

// Common fixture of the journal contract tests.
class JournalContract : public ::testing::TestWithParam<JournalMaker> {
 protected:
  void Open(const JournalShape& shape) {
    shape_ = shape;
    journal_ = GetParam().make(shape);
    wakes_.assign(shape.lanes, 0);
    journal_->OnLaneFilled([this](size_t lane) { ++wakes_.at(lane); });
  }

  void OpenThreaded(const JournalShape& shape, std::function<void(size_t)> wake) {
    shape_ = shape;
    journal_ = GetParam().make_threaded(shape, std::move(wake));
  }

  static void Add(EventBatch& batch, std::string_view label, std::optional<std::string_view> key,
                  size_t size = 0) {
    support::AddRawEvent(batch, label, key, size);
  }

  AppendResult Append(std::string_view label, std::optional<std::string_view> key, size_t size = 0) {
    EventBatch batch;
    Add(batch, label, key, size);
    return journal_->Append(batch, now_).result;
  }

  std::vector<TakenEvent> Take(size_t lane, size_t at_most = 10'000) {
    return support::Take(*journal_, lane, at_most);
  }

  std::vector<TakenEvent> TakeAllLanes() {
    std::vector<TakenEvent> all;
    for (size_t lane = 0; lane < shape_.lanes; ++lane) {
      const auto events = Take(lane);
      all.insert(all.end(), events.begin(), events.end());
    }
    return all;
  }

  void Settle(const std::vector<TakenEvent>& events) { support::Settle(*journal_, events); }

  JournalShape shape_;
  std::shared_ptr<Journal> journal_;
  std::vector<int> wakes_;
  base::SteadyTime now_{std::chrono::hours(1)};
};

// The maximum by which Stats() may report the oldest event as older than it is.
inline constexpr base::Duration kOldestError = std::chrono::milliseconds(100);

// For adapters that limit the number of events.
class BoundedEvents : public JournalContract {};

}  // namespace ei::contract
