#include "settings/cores.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <thread>

namespace ei::service {

namespace {

namespace fs = std::filesystem;

void Lower(std::optional<double>& quota, double other) {
  if (other > 0) quota = std::min(quota.value_or(other), other);
}

// The file has "max 100000" (no limit) or "150000 100000": microseconds of CPU time per period of
// microseconds.
void ReadMax(const fs::path& group, std::optional<double>& quota) {
  std::ifstream file(group / "cpu.max");
  double time = 0;
  double period = 0;
  if (file >> time >> period && period > 0) Lower(quota, time / period);
}

// A quota of -1 means no limit.
void ReadCfs(const fs::path& group, std::optional<double>& quota) {
  std::ifstream time_file(group / "cpu.cfs_quota_us");
  std::ifstream period_file(group / "cpu.cfs_period_us");
  double time = 0;
  double period = 0;
  if (time_file >> time && period_file >> period && period > 0) Lower(quota, time / period);
}

// Calls read(folder) for the group and all groups above it. In a container the group may have the name that
// it has on the host; then only the topmost folder exists.
template <typename Read>
void Climb(const fs::path& top, fs::path group, const Read& read) {
  for (; group.has_relative_path(); group = group.parent_path()) read(top / group.relative_path());
  read(top);
}

}  // namespace

std::optional<double> CpuQuota(const fs::path& root) {
  std::optional<double> quota;
  const fs::path mounts = root / "sys/fs/cgroup";
  // The lines are number:controllers:group; in cgroup v2 the controllers are empty.
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path group = line.substr(second + 1);
    if (controllers.empty()) {
      for (const fs::path& top : {mounts, mounts / "unified"}) {
        Climb(top, group, [&quota](const fs::path& folder) { ReadMax(folder, quota); });
      }
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      for (const fs::path& top : {mounts / controllers, mounts / "cpu"}) {
        Climb(top, group, [&quota](const fs::path& folder) { ReadCfs(folder, quota); });
      }
    }
  }
  return quota;
}

size_t Cores(const fs::path& root) {
  const size_t may_run_on = std::max(1U, std::thread::hardware_concurrency());
  const std::optional<double> quota = CpuQuota(root);
  if (!quota || *quota >= static_cast<double>(may_run_on)) return may_run_on;
  return std::max<size_t>(1, static_cast<size_t>(std::ceil(*quota)));
}

}  // namespace ei::service
