#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapters/file_sink/file_calls.h"
#include "adapters/file_sink/repeat_limit.h"
#include "adapters/file_sink/segment_directory.h"
#include "adapters/file_sink/segment_log.h"
#include "app/ports/clock.h"
#include "app/ports/event_sink.h"
#include "app/ports/log.h"
#include "base/mutex.h"
#include "base/result.h"

namespace ei::file_sink {

struct Options {
  std::string directory;                  // file.dir
  uint64_t segment_bytes = 128ULL << 20;  // file.segment_bytes: a segment's size, but for one longer line
};

// The embedded sink: each event is a line of the newest file events-NUMBER.ndjson in the folder, each dead
// letter one of dead-letters-NUMBER.ndjson (line_format.h). Files may be moved away or removed at any time:
// what comes afterwards goes to a new one, and what was being written at that moment to both.
//
// A kDelivered report is given after the sync of the event's line has returned, in a file that has its name.
// A crash loses no such line and leaves none torn once the sink has been opened again; the event that was
// under way may then stand there twice.
//
// Group commit: of the lanes that call at the same time one writes for all with one sync and the others wait,
// so Send returns when its reports have been given. After a fault every event that does not stand yet is
// kTransient, also those behind it, so that the order of a lane holds.
//
// Reports come from within Send on its thread, outside of all locks.
class FileSink final : public app::EventSink {
 public:
  static constexpr size_t kLanesMax = 1024;

  // The references outlive the sink.
  static base::Result<std::unique_ptr<FileSink>> Open(const Options& options, app::Log& log,
                                                      const app::Clock& clock,
                                                      FileCalls& calls = RealFileCalls());

  void Attach(size_t lane, app::DeliveryListener& listener) override;
  app::Destinations DestinationsOf(const app::OutboundEvent& /*event*/) const override { return {}; }
  void Send(size_t lane, std::span<const app::OutboundEvent> events, app::Grouping grouping,
            uint64_t failures_seen) override;
  void SendDeadLetter(size_t lane, const app::OutboundEvent& event, const app::DeadLetterNote& note) override;
  void Flush() override {}
  app::SinkStatus Status() const override { return {app::Contact::kReached}; }

 private:
  // Belongs to the lane's thread once it is attached.
  struct Lane {
    app::DeliveryListener* listener = nullptr;
    std::vector<app::DeliveryReport> reports;
  };

  // One call on its way, on the stack of its thread. Belongs to the writer until `done`, which mutex_ guards.
  struct Request {
    std::span<const app::OutboundEvent> events;
    const app::DeadLetterNote* note = nullptr;  // null: events, else the one event is a dead letter
    size_t durable = 0;                         // of its events, from the first
    StorageFault fault;                         // of the others, if there are any
    bool done = false;
  };

  FileSink(const Options& options, std::unique_ptr<SegmentDirectory> directory, app::Log& log,
           const app::Clock& clock);

  void Deliver(size_t lane, Request& request);
  void Commit(Request& request);
  void WriteGroup(std::span<Request* const> group) REQUIRES(write_mutex_);
  std::optional<StorageFault> WriteEvents(std::span<Request* const> group) REQUIRES(write_mutex_);
  std::optional<StorageFault> WriteDeadLetters(std::span<Request* const> group) REQUIRES(write_mutex_);
  void TellFault(const StorageFault& fault) REQUIRES(write_mutex_);
  void TellRecovery() REQUIRES(write_mutex_);

  const std::string path_;
  const std::unique_ptr<SegmentDirectory> directory_;  // used by the logs
  app::Log& log_;
  const app::Clock& clock_;

  base::Mutex mutex_;
  base::CondVar turn_over_;
  std::vector<std::unique_ptr<Lane>> lanes_ GUARDED_BY(mutex_);
  std::vector<Request*> queue_ GUARDED_BY(mutex_);  // at most one of each lane
  bool writing_ GUARDED_BY(mutex_) = false;

  // Held by the thread that set writing_; so nobody ever waits for it.
  base::Mutex write_mutex_;
  SegmentLog events_ GUARDED_BY(write_mutex_);
  SegmentLog dead_letters_ GUARDED_BY(write_mutex_);
  std::string batch_ GUARDED_BY(write_mutex_);  // lines for the next Append
  RepeatLimit faults_ GUARDED_BY(write_mutex_);
  bool told_fault_ GUARDED_BY(write_mutex_) = false;
};

}  // namespace ei::file_sink
