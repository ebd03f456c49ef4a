#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/file_sink/repeat_limit.h"
#include "adapters/file_sink/segment_directory.h"
#include "adapters/file_sink/segment_log.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "delivery/event_sink.h"
#include "delivery/retry_policy.h"
#include "event/telemetry.h"
#include "system/file_calls.h"

namespace ei::file_sink {

class FileLane;

inline constexpr uint64_t kSegmentBytesMax = 128 << 20;  // of the service; one longer line may exceed it

struct Options {
  std::string directory;  // file.dir
  uint64_t segment_bytes = kSegmentBytesMax;
  size_t lanes = 1;
  RetryPolicy retries{std::chrono::milliseconds(100), std::chrono::seconds(10), 0};
  uint64_t seed = 0;
};

// The embedded sink: writes each event as a line of the newest file events-NUMBER.ndjson in the folder, and
// each dead letter as a line of dead-letters-NUMBER.ndjson (line_format.h). Files may be moved away or
// removed at any time: later lines go to a new file, and lines that were being written at that moment go to
// both.
//
// An event is delivered after the sync of its line has returned, if the file still has its name. A crash
// loses no such line, and no line is torn after the sink has been opened again; an event that was being
// written may then be there twice. After a fault, the events that are not yet stored are written again in
// order.
//
// A lane writes in its Run. The lanes take turns to write to the files (mutex_).
class FileSink final : public EventSink {
 public:
  // The references must outlive the sink.
  static base::Result<std::unique_ptr<FileSink>> Open(const Options& options, Log& log, const Clock& clock,
                                                      Telemetry& telemetry,
                                                      system::FileCalls& calls = system::RealFileCalls());
  ~FileSink() override;

  SinkLane& Lane(size_t lane) override;
  bool IsStalled(std::string_view, std::optional<uint32_t>) const override { return false; }
  SinkStatus Status() const override { return {Connectivity::kConnected}; }

 private:
  friend class FileLane;

  FileSink(const Options& options, std::unique_ptr<SegmentDirectory> directory, Log& log, const Clock& clock,
           Telemetry& telemetry);

  void LogFault(const StorageFault& fault) REQUIRES(mutex_);
  void LogRecovery() REQUIRES(mutex_);

  const std::string path_;
  const RetryPolicy retries_;
  const std::unique_ptr<SegmentDirectory> directory_;  // used by the logs
  Log& log_;
  const Clock& clock_;
  Telemetry& telemetry_;
  std::vector<std::unique_ptr<FileLane>> lanes_;

  base::Mutex mutex_;
  SegmentLog events_ GUARDED_BY(mutex_);
  SegmentLog dead_letters_ GUARDED_BY(mutex_);
  RepeatLimit faults_ GUARDED_BY(mutex_);
  bool fault_logged_ GUARDED_BY(mutex_) = false;
};

}  // namespace ei::file_sink
