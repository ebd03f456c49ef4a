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

// Receives one line with its line break. Called by one thread at a time.
using LineOutput = std::function<void(std::string_view line)>;

// The service's log: one JSON object per line (json_line.h). Write passes the line to the output before it
// returns. Repeated warnings and errors are summarized: a line with the field "repeated" gives the number of
// suppressed lines with the same message.
//
// Thread-safe. Write blocks for as long as the output does, so the service uses an output that never blocks
// (log_writer.h).
class JsonLog final : public Log {
 public:
  // The clock must outlive this object.
  JsonLog(const Clock& clock, LogLevel lowest, LineOutput output, const RepeatFilter::Options& repeats = {});
  // Writes the summaries of all open windows.
  ~JsonLog() override;

  void Write(LogLevel level, std::string_view component, std::string_view message,
             std::initializer_list<LogField> fields = {}) override;

  // Writes the summaries that are due. Every Write does the same; call this about once a second, so that
  // summaries also appear when nothing else is logged.
  void WriteDueSummaries();

  // Number of lines suppressed so far.
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
