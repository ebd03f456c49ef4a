#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ei::kafka {

// The settings of a topic that limit its records.
struct TopicConfig {
  uint64_t message_bytes_max = 0;  // max.message.bytes: of a batch as written, with its overhead
  bool compacted = false;          // cleanup.policy: a record needs a key
  int in_sync_min = 0;             // min.insync.replicas in effect; 0: unknown
  bool operator==(const TopicConfig&) const = default;
};

// By topic. The names are views into the response that they were read from.
using TopicConfigAnswer = base::Result<std::vector<std::pair<std::string_view, base::Result<TopicConfig>>>>;

}  // namespace ei::kafka
