#pragma once

#include <filesystem>
#include <optional>

namespace ei::telemetry {

// Statistics of this process from the kernel. A number that can't be read is nullopt.
struct ProcessStats {
  std::optional<double> cpu_seconds;
  std::optional<double> resident_bytes;
  std::optional<double> open_fds;
  std::optional<double> max_fds;
  std::optional<double> threads;
  std::optional<double> start_time_seconds;  // since 1970-01-01 UTC
};

// `proc` is the mount point of the proc file system. Any thread may call this.
ProcessStats ReadProcessStats(const std::filesystem::path& proc = "/proc");

}  // namespace ei::telemetry
