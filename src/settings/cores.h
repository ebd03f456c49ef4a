#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

namespace ei::service {

// The processors' time that the control groups of this process allow, in cores: the least of all quotas from
// its own group up to the topmost that can be seen (cgroup v2: cpu.max; v1: cpu.cfs_quota_us). nullopt: no
// limit. `root` is where proc and sys are.
std::optional<double> CpuQuota(const std::filesystem::path& root);

// Cores for this process to use, at least 1: those that it may run on, or its quota, rounded up, when that is
// less.
size_t Cores(const std::filesystem::path& root = "/");

}  // namespace ei::service
