#include "adapters/file_sink/file_sink.h"

#include "adapters/file_sink/file_lane.h"
#include "adapters/file_sink/line_format.h"

namespace ei::file_sink {

namespace {

constexpr std::string_view kComponent = "file_sink";

}  // namespace

base::Result<std::unique_ptr<FileSink>> FileSink::Open(const Options& options, Log& log, const Clock& clock,
                                                       Telemetry& telemetry, system::FileCalls& calls) {
  auto directory = SegmentDirectory::Open(options.directory, "file.dir (FILE_DIR)", calls);
  if (!directory) return std::unexpected(std::move(directory.error()));
  std::unique_ptr<FileSink> sink(new FileSink(options, std::move(*directory), log, clock, telemetry));
  base::MutexLock lock(sink->mutex_);
  sink->events_.Resume();
  sink->dead_letters_.Resume();
  if (auto ready = sink->events_.EnsureSegment(); !ready) {
    return base::Fail(base::ErrorKind::kStorage, std::move(ready.error().reason));
  }
  return sink;
}

FileSink::FileSink(const Options& options, std::unique_ptr<SegmentDirectory> directory, Log& log,
                   const Clock& clock, Telemetry& telemetry)
    : path_(options.directory),
      retries_(options.retries),
      directory_(std::move(directory)),
      log_(log),
      clock_(clock),
      telemetry_(telemetry),
      events_("events", options.segment_bytes, *directory_, log, clock),
      dead_letters_(kDeadLettersPrefix, options.segment_bytes, *directory_, log, clock) {
  for (size_t lane = 0; lane < options.lanes; ++lane) {
    lanes_.push_back(std::make_unique<FileLane>(*this, options.seed + lane));
  }
}

FileSink::~FileSink() = default;

SinkLane& FileSink::Lane(size_t lane) { return *lanes_.at(lane); }

void FileSink::LogFault(const StorageFault& fault) {
  const auto count = faults_.Count(clock_.Now());
  if (!count) return;
  fault_logged_ = true;
  log_.Write(LogLevel::kError, kComponent, "events could not be stored; retrying",
             {{"code", fault.code}, {"reason", fault.reason}, {"count", *count}});
}

void FileSink::LogRecovery() {
  if (!fault_logged_) return;
  fault_logged_ = false;
  log_.Write(LogLevel::kInfo, kComponent, "events are stored again", {{"directory", path_}});
}

}  // namespace ei::file_sink
