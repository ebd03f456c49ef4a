#include "adapters/telemetry/json_log.h"

#include <utility>

#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "adapters/telemetry/json_line.h"
#include "base/mutex.h"

namespace ei::telemetry {

namespace {

using Sink = std::shared_ptr<spdlog::sinks::sink>;

spdlog::level::level_enum SpdlogLevel(app::LogLevel level) {
  switch (level) {
    case app::LogLevel::kDebug: return spdlog::level::debug;
    case app::LogLevel::kInfo: return spdlog::level::info;
    case app::LogLevel::kWarn: return spdlog::level::warn;
    case app::LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

// spdlog's own patterns don't escape for JSON, so it is given whole objects.
class WholeLines final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    out.append(message.payload.data(), message.payload.data() + message.payload.size());
    out.push_back('\n');
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<WholeLines>(); }
};

class FunctionSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit FunctionSink(LineOutput output) : output_(std::move(output)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    base::MutexLock lock(mutex_);
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    output_({line.data(), line.size()});
  }
  void flush_() override {}

 private:
  base::Mutex mutex_;  // one call of output_ at a time
  const LineOutput output_;
};

std::unique_ptr<spdlog::logger> MakeLogger(Sink sink, app::LogLevel lowest) {
  sink->set_formatter(std::make_unique<WholeLines>());
  auto logger = std::make_unique<spdlog::logger>("event-ingestor", std::move(sink));
  logger->set_level(SpdlogLevel(lowest));
  logger->flush_on(spdlog::level::warn);
  return logger;
}

// Whoever logs has nothing to gain from a fault of the log.
template <typename Action>
void Quietly(Action action) noexcept {
  try {
    action();
  } catch (...) {  // NOLINT(bugprone-empty-catch): see above
  }
}

}  // namespace

// spdlog's stdout sink flushes every line.
JsonLog::JsonLog(const app::Clock& clock, app::LogLevel lowest)
    : clock_(clock),
      logger_(MakeLogger(std::make_shared<spdlog::sinks::stdout_sink_mt>(), lowest)),
      repeats_(RepeatFilter::Options{}) {}

JsonLog::JsonLog(const app::Clock& clock, app::LogLevel lowest, LineOutput output,
                 const RepeatFilter::Options& repeats)
    : clock_(clock),
      logger_(MakeLogger(std::make_shared<FunctionSink>(std::move(output)), lowest)),
      repeats_(repeats) {}

JsonLog::~JsonLog() {
  Quietly([this] { WriteSummaries(repeats_.TakeAll()); });
}

void JsonLog::Write(app::LogLevel level, std::string_view component, std::string_view message,
                    std::initializer_list<app::LogField> fields) {
  if (!logger_->should_log(SpdlogLevel(level))) return;
  Quietly([&] {
    const base::SteadyTime now = clock_.Now();
    WriteSummaries(repeats_.TakeEnded(now));
    if (level >= app::LogLevel::kWarn && !repeats_.Passes(level, component, message, now)) {
      suppressed_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    logger_->log(SpdlogLevel(level), JsonLine(clock_.WallNow(), level, component, message, fields));
  });
}

void JsonLog::WriteDueSummaries() {
  Quietly([this] { WriteSummaries(repeats_.TakeEnded(clock_.Now())); });
}

void JsonLog::WriteSummaries(const std::vector<RepeatFilter::Summary>& summaries) {
  for (const auto& [level, component, message, repeated] : summaries) {
    const app::LogField fields[] = {{"repeated", repeated}};
    logger_->log(SpdlogLevel(level), JsonLine(clock_.WallNow(), level, component, message, fields));
  }
}

}  // namespace ei::telemetry
