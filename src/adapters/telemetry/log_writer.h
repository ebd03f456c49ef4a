#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/time.h"

namespace ei::telemetry {

// Writes lines to a file descriptor from a separate thread, so that no other thread waits for the reader of
// the log. Lines wait in a bounded queue. A line that doesn't fit is dropped, and so is a line that can't be
// written (the reader is gone, the disk is full). When writing works again, one line reports how many were
// dropped at that place.
//
// Thread-safe, except for the destructor.
class LogWriter {
 public:
  struct Options {
    size_t bytes_max = size_t{1} << 20;  // bound of the queue, in bytes of text
    base::Duration close_time = std::chrono::seconds(1);
  };

  // Doesn't own the descriptor. The clock must outlive this object; it is used for the lines about dropped
  // lines.
  LogWriter(int descriptor, const Clock& clock, const Options& options);
  LogWriter(int descriptor, const Clock& clock) : LogWriter(descriptor, clock, Options()) {}
  // Flushes for up to `close_time`. If the thread is still blocked in a write then, it is detached: it uses
  // only the queue, which it shares.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Queues a line, which has its line break. Never waits for the descriptor.
  void Put(std::string_view line);

  // Waits until all queued lines are written or dropped, for at most `time`. Returns false when the time is
  // over before.
  bool Flush(base::Duration time);

  // Number of lines dropped so far.
  uint64_t Dropped() const;

 private:
  struct Queue;
  static void Run(Queue& queue);

  const base::Duration close_time_;
  const std::shared_ptr<Queue> queue_;
  std::thread thread_;
};

}  // namespace ei::telemetry
