#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/time.h"

namespace ei::telemetry {

// Keeps a fault that occurs thousands of times a second from flooding the log: of the lines with the same
// component and message, the first few in a window pass; the rest are counted and reported in one summary
// after the window has ended.
//
// A window starts with the first line of its kind; the next line after its end starts another one. At most
// `kinds_max` kinds have a window at a time; a line of any further kind passes. Thread-safe.
class RepeatFilter {
 public:
  struct Options {
    uint64_t lines_max = 5;  // lines that pass per window
    base::Duration window = std::chrono::seconds(10);
    size_t kinds_max = 64;
  };

  struct Summary {
    LogLevel level;  // the highest level among the lines
    std::string component;
    std::string message;
    uint64_t repeated;  // number of suppressed lines
  };

  explicit RepeatFilter(const Options& options) : options_(options) {}

  // Counts the line; returns whether it is to be written.
  bool Passes(LogLevel level, std::string_view component, std::string_view message, base::SteadyTime now);

  // Removes the windows that have ended and returns a summary of each one that suppressed lines.
  std::vector<Summary> TakeEnded(base::SteadyTime now);
  // The same for all windows, also those that have not ended.
  std::vector<Summary> TakeAll();

 private:
  struct Window {
    std::string component;
    std::string message;
    base::SteadyTime end;
    LogLevel level = LogLevel::kWarn;
    uint64_t lines = 0;
  };

  std::vector<Summary> Take(bool all, base::SteadyTime now) REQUIRES(mutex_);

  const Options options_;
  base::Mutex mutex_;
  std::vector<Window> windows_ GUARDED_BY(mutex_);
};

}  // namespace ei::telemetry
