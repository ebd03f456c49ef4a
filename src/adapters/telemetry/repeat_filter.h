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

// Keeps a fault that strikes thousands of times a second from flooding the log: of lines with the same
// component and message, the first few of a window pass, the rest are counted and told in one summary when
// the window ends.
//
// A window begins with the first line of its kind; the next line after its end begins another. At most
// `kinds_max` kinds are watched at a time; a line of one more kind passes. Thread-safe.
class RepeatFilter {
 public:
  struct Options {
    uint64_t lines_max = 5;  // that pass in a window
    base::Duration window = std::chrono::seconds(10);
    size_t kinds_max = 64;
  };

  struct Summary {
    LogLevel level;  // of the gravest line
    std::string component;
    std::string message;
    uint64_t repeated;  // lines that were held back
  };

  explicit RepeatFilter(const Options& options) : options_(options) {}

  bool Passes(LogLevel level, std::string_view component, std::string_view message, base::SteadyTime now);

  // The windows that have ended and held something back; each is given once.
  std::vector<Summary> TakeEnded(base::SteadyTime now);
  // The same for all windows, ended or not.
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
