#include "adapters/telemetry/json_log.h"

#include <utility>

#include "adapters/telemetry/json_line.h"

namespace ei::telemetry {

JsonLog::JsonLog(const Clock& clock, LogLevel lowest, LineOutput output, const RepeatFilter::Options& repeats)
    : clock_(clock), lowest_(lowest), output_(std::move(output)), repeats_(repeats) {}

JsonLog::~JsonLog() { WriteSummaries(repeats_.TakeAll()); }

void JsonLog::Write(LogLevel level, std::string_view component, std::string_view message,
                    std::initializer_list<LogField> fields) {
  if (level < lowest_) return;
  const base::SteadyTime now = clock_.Now();
  WriteSummaries(repeats_.TakeEnded(now));
  if (level >= LogLevel::kWarn && !repeats_.Passes(level, component, message, now)) {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  WriteLine(level, component, message, fields);
}

void JsonLog::WriteDueSummaries() { WriteSummaries(repeats_.TakeEnded(clock_.Now())); }

void JsonLog::WriteSummaries(const std::vector<RepeatFilter::Summary>& summaries) {
  for (const auto& [level, component, message, repeated] : summaries) {
    const LogField fields[] = {{"repeated", repeated}};
    WriteLine(level, component, message, fields);
  }
}

void JsonLog::WriteLine(LogLevel level, std::string_view component, std::string_view message,
                        std::span<const LogField> fields) {
  std::string line = JsonLine(clock_.WallNow(), level, component, message, fields);
  line += '\n';
  const base::MutexLock lock(mutex_);
  output_(line);
}

}  // namespace ei::telemetry
