#pragma once

#include <filesystem>
#include <optional>

namespace ei::telemetry {

// What the kernel says about this process; a number that it does not tell is missing.
struct ProcessStats {
  std::optional<double> cpu_seconds;
  std::optional<double> resident_bytes;
  std::optional<double> open_fds;
  std::optional<double> max_fds;
  std::optional<double> threads;
  std::optional<double> start_time_seconds;  // since 1970-01-01 UTC
};

// `proc` is where the proc file system stands. Any thread.
ProcessStats ReadProcessStats(const std::filesystem::path& proc = "/proc");

}  // namespace ei::telemetry
