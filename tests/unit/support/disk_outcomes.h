#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "support/sim_disk.h"

namespace ei::support {

inline constexpr uint64_t kSeeds = 400;
inline constexpr size_t kSector = SimContent::kSectorBytes;

// The errno of a failed operation, or 0.
template <typename T>
int ErrorOf(const wal::DiskResult<T>& result) {
  return result ? 0 : result.error();
}

inline std::unique_ptr<wal::File> Create(SimDisk& disk, const std::string& name) {
  return disk.Mount()->Create(name).value();
}

inline void Write(wal::File& file, uint64_t offset, const std::string& bytes) {
  ASSERT_EQ(file.Write(offset, bytes).value(), bytes.size());
}

inline void SyncNames(SimDisk& disk) { ASSERT_TRUE(disk.Mount()->Sync()); }

// A disk with a file "1" of these bytes, all synced.
inline std::unique_ptr<SimDisk> DiskWith(uint64_t seed, const std::string& bytes,
                                         const SimDiskOptions& options = {}) {
  auto disk = std::make_unique<SimDisk>(seed, options);
  disk->PutFile("1", bytes);
  return disk;
}

// How often each result occurs over the seeds.
template <typename Run>
std::map<std::string, int> Outcomes(Run run) {
  std::map<std::string, int> outcomes;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) ++outcomes[run(seed)];
  return outcomes;
}

inline std::set<std::string> Keys(const std::map<std::string, int>& outcomes) {
  std::set<std::string> keys;
  for (const auto& [key, count] : outcomes) keys.insert(key);
  return keys;
}

inline std::string Joined(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : " ") + name;
  return joined;
}

using Texts = std::set<std::string>;

}  // namespace ei::support
