#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace ei {

// The partition of a topic that events with this key hash (Murmur2) go to, as in the Java client.
inline uint32_t PartitionOf(uint32_t key_hash, uint32_t partitions) {
  return (key_hash & 0x7fffffff) % partitions;
}

// The partitions of a topic that accept no events while others do.
struct StalledTopic {
  std::string topic;
  uint32_t partitions = 0;       // of the topic
  std::vector<int32_t> stalled;  // ascending

  bool Contains(uint32_t partition) const {
    return std::ranges::binary_search(stalled, static_cast<int32_t>(partition));
  }
  bool operator==(const StalledTopic&) const = default;
};

}  // namespace ei
