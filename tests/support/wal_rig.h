#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/wal/wal_journal.h"
#include "support/events.h"
#include "support/recording_log.h"
#include "support/stepped_wal.h"
#include "support/taken_events.h"
#include "support/virtual_clock.h"

namespace ei::support {

// A WAL journal on the test's disk. It steps the journal's disk work and collects the events. Events are
// named by their value. Not thread-safe.
class WalRig {
 public:
  explicit WalRig(const wal::WalOptions& options) : options_(options) {}

  // Recovers from the disk. The previous journal is destroyed as if its process had died.
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

  // Appends one batch; key "": no key.
  Appended Append(const std::vector<std::string>& values, std::string_view key = {}) {
    EventBatch batch;
    for (const std::string& value : values) {
      AddRawEvent(batch, value, key.empty() ? std::nullopt : std::optional(key), 0);
    }
    return journal_->Append(batch, clock_.Now());
  }

  // Does all disk work that can be done now, including a checkpoint that is due later.
  void Work() {
    clock_.Advance(std::chrono::seconds(1));
    RunIdle(*journal_);
  }

  // Takes the available events of all lanes.
  std::vector<std::string> Take(size_t at_most = std::numeric_limits<size_t>::max()) {
    std::vector<std::string> values;
    for (size_t lane = 0; lane < options_.lanes; ++lane) {
      for (size_t left = at_most; left > 0;) {
        const auto some = support::Take(*journal_, lane, std::min(left, kTakeMax));
        if (some.empty()) break;
        left -= some.size();
        for (const TakenEvent& event : some) values.emplace_back(event.value);
        taken_.insert(taken_.end(), some.begin(), some.end());
      }
    }
    return values;
  }

  // Settles those taken and unsettled events whose value `chosen` selects.
  template <typename Chosen>
  void SettleIf(Chosen chosen) {
    std::vector<TakenEvent> settled;
    std::erase_if(taken_, [&](const TakenEvent& event) {
      if (!chosen(event.value)) return false;
      settled.push_back(event);
      return true;
    });
    support::Settle(*journal_, settled);
  }
  void Settle() {
    SettleIf([](std::string_view) { return true; });
  }

  // Takes and settles until the journal is empty. Returns the values in the order in which they were taken.
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
  const std::vector<TakenEvent>& Taken() const { return taken_; }
  VirtualClock& Clock() { return clock_; }
  RecordingLog& Log() { return log_; }
  wal::WalOptions& Options() { return options_; }

 private:
  static constexpr int kIdleMax = 3;
  static constexpr size_t kTakeMax = 64;

  wal::WalOptions options_;
  VirtualClock clock_;
  RecordingLog log_;
  uint64_t seed_ = 0;
  std::unique_ptr<wal::WalJournal> journal_;
  std::vector<TakenEvent> taken_;
};

// "<first>", "<first + 1>", ... each padded to `size` bytes, or longer if the number is.
inline std::vector<std::string> Numbered(uint64_t first, uint64_t count, size_t size = 0) {
  std::vector<std::string> values;
  for (uint64_t i = first; i < first + count; ++i) {
    values.push_back(std::to_string(i));
    if (values.back().size() < size) values.back().resize(size, '.');
  }
  return values;
}

}  // namespace ei::support
