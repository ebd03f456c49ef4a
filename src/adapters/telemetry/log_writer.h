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

// Writes lines to a file descriptor from a thread of its own, so that nobody waits for whoever reads the log.
// Lines wait in a bounded queue. One that doesn't fit is dropped, and so is one that can't be written (the
// reader is gone, the disk is full); as soon as lines get through again, one in their place says how many.
//
// Thread-safe but for the destructor.
class LogWriter {
 public:
  struct Options {
    size_t bytes_max = size_t{1} << 20;  // that wait to be written
    base::Duration close_time = std::chrono::seconds(1);
  };

  // Doesn't own the descriptor. The clock outlives this; it gives the time of the line about dropped ones.
  LogWriter(int descriptor, const Clock& clock, const Options& options);
  LogWriter(int descriptor, const Clock& clock) : LogWriter(descriptor, clock, Options()) {}
  // Flushes for up to `close_time`. A thread that hangs in a write even then is left to itself: it touches
  // nothing but the queue, which it shares.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Takes a line with its line break. Never waits for the descriptor.
  void Put(std::string_view line);

  // Until all that was put is written or dropped, at most for `time`; false when there wasn't time enough.
  bool Flush(base::Duration time);

  // Lines dropped so far.
  uint64_t Dropped() const;

 private:
  struct Queue;
  static void Run(Queue& queue);

  const base::Duration close_time_;
  const std::shared_ptr<Queue> queue_;
  std::thread thread_;
};

}  // namespace ei::telemetry
