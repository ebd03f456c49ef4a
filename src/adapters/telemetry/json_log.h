#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "adapters/telemetry/repeat_filter.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"

namespace ei::telemetry {

// Takes one line with its line break; called by one thread at a time.
using LineOutput = std::function<void(std::string_view line)>;

// The service's log: one JSON object a line (json_line.h), each handed to the output before Write
// returns. Repeated warnings and errors are summarised: a line with the field "repeated" says how many like
// it were held back.
//
// Thread-safe. Write blocks for as long as the output does, so the service gives it one that never blocks
// (log_writer.h).
class JsonLog final : public Log {
 public:
  // The clock outlives this.
  JsonLog(const Clock& clock, LogLevel lowest, LineOutput output, const RepeatFilter::Options& repeats = {});
  // Writes the summaries that are still to come.
  ~JsonLog() override;

  void Write(LogLevel level, std::string_view component, std::string_view message,
             std::initializer_list<LogField> fields = {}) override;

  // Every Write writes the summaries that are due; this does it where nothing else is being logged. To be
  // called about once a second.
  void WriteDueSummaries();

  // Lines held back so far.
  uint64_t SuppressedLines() const { return suppressed_.load(std::memory_order_relaxed); }

 private:
  void WriteLine(LogLevel level, std::string_view component, std::string_view message,
                 std::span<const LogField> fields);
  void WriteSummaries(const std::vector<RepeatFilter::Summary>& summaries);

  const Clock& clock_;
  const LogLevel lowest_;
  base::Mutex mutex_;  // one call of output_ at a time
  const LineOutput output_ GUARDED_BY(mutex_);
  RepeatFilter repeats_;
  std::atomic<uint64_t> suppressed_{0};
};

}  // namespace ei::telemetry
