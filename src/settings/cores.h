#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

namespace ei::service {

// Returns the CPU quota of this process's control groups, in cores: the smallest quota from its own group up
// to the topmost visible group (cgroup v2: cpu.max; v1: cpu.cfs_quota_us). nullopt: no limit. `root` is the
// folder with proc and sys.
std::optional<double> CpuQuota(const std::filesystem::path& root);

// Returns the number of cores for this process to use, at least 1: the cores that it may run on, or its quota
// rounded up if that is less.
size_t Cores(const std::filesystem::path& root = "/");

// Returns `asked`, or Cores() if that is 0.
inline size_t ThreadsOrCores(size_t asked) { return asked > 0 ? asked : Cores(); }

}  // namespace ei::service
