#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/wal/wal_journal.h"
#include "support/events.h"
#include "support/recording_log.h"
#include "support/stepped_wal.h"
#include "support/virtual_clock.h"

namespace ei::support {

// A log's journal on a disk of the test's, which steps its work and reads what comes out. Events are named by
// their value. Not thread-safe.
class WalRig {
 public:
  explicit WalRig(const wal::WalOptions& options) : options_(options) {}

  // Recovers what is there. The journal before is gone, as if its process had died.
  base::Result<void> TryOpen(wal::Directory& directory) {
    journal_.reset();
    taken_.clear();
    auto opened = wal::WalJournal::Open(options_, directory, clock_, log_, ++seed_);
    if (!opened) return std::unexpected(opened.error());
    journal_ = std::move(*opened);
    return {};
  }
  void Open(wal::Directory& directory) {
    const auto opened = TryOpen(directory);
    ASSERT_TRUE(opened) << opened.error().message;
  }
  void Close() { journal_.reset(); }

  // One batch; key "": none.
  app::Appended Append(const std::vector<std::string>& values, std::string_view key = {}) {
    domain::EventBatch batch;
    for (const std::string& value : values) {
      AddRawEvent(batch, value, key.empty() ? std::nullopt : std::optional(key), 0);
    }
    return journal_->Append(batch, clock_.Now());
  }

  // All work that can be done now, a checkpoint that is due after a while too.
  void Work() {
    clock_.Advance(std::chrono::seconds(1));
    RunIdle(*journal_);
  }

  // Of all lanes, what can be taken now.
  std::vector<std::string> Take(size_t at_most = std::numeric_limits<size_t>::max()) {
    std::array<app::JournalEvent, 64> some;
    std::vector<std::string> values;
    for (size_t lane = 0; lane < options_.lanes; ++lane) {
      for (size_t left = at_most; left > 0;) {
        const size_t count = journal_->Take(lane, std::span(some).first(std::min(left, some.size())));
        if (count == 0) break;
        left -= count;
        for (size_t i = 0; i < count; ++i) values.emplace_back(some[i].value);
        taken_.insert(taken_.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(count));
      }
    }
    return values;
  }

  // Settles of what was taken and not settled those whose value `chosen` picks.
  template <typename Chosen>
  void SettleIf(Chosen chosen) {
    std::vector<uint64_t> positions;
    std::erase_if(taken_, [&](const app::JournalEvent& event) {
      if (!chosen(event.value)) return false;
      positions.push_back(event.position);
      return true;
    });
    journal_->Settle(positions);
  }
  void Settle() {
    SettleIf([](std::string_view) { return true; });
  }

  // Of what was taken and not settled, moves what `chosen` picks into memory of its own; each once.
  template <typename Chosen>
  void CompactIf(Chosen chosen) {
    std::vector<app::JournalEvent> events;
    std::ranges::copy_if(taken_, std::back_inserter(events),
                         [&](const app::JournalEvent& event) { return chosen(event.value); });
    ASSERT_EQ(journal_->Compact(events), events.size());
    for (app::JournalEvent& event : taken_) {
      const auto moved = std::ranges::find(events, event.position, &app::JournalEvent::position);
      if (moved != events.end()) event = *moved;
    }
  }

  // Takes and settles until nothing more comes: the values in the order in which they came.
  std::vector<std::string> Drain() {
    std::vector<std::string> all;
    for (int idle = 0; idle < kIdleMax;) {
      Work();
      const auto values = Take();
      all.insert(all.end(), values.begin(), values.end());
      Settle();
      idle = values.empty() ? idle + 1 : 0;
    }
    Work();
    return all;
  }

  wal::WalJournal& Journal() { return *journal_; }
  const std::vector<app::JournalEvent>& Taken() const { return taken_; }
  VirtualClock& Clock() { return clock_; }
  RecordingLog& Log() { return log_; }
  wal::WalOptions& Options() { return options_; }

 private:
  static constexpr int kIdleMax = 3;

  wal::WalOptions options_;
  VirtualClock clock_;
  RecordingLog log_;
  uint64_t seed_ = 0;
  std::unique_ptr<wal::WalJournal> journal_;
  std::vector<app::JournalEvent> taken_;
};

// "<first>", "<first + 1>", ... of `size` bytes each, where that is more than the number's own.
inline std::vector<std::string> Numbered(uint64_t first, uint64_t count, size_t size = 0) {
  std::vector<std::string> values;
  for (uint64_t i = first; i < first + count; ++i) {
    values.push_back(std::to_string(i));
    if (values.back().size() < size) values.back().resize(size, '.');
  }
  return values;
}

}  // namespace ei::support
