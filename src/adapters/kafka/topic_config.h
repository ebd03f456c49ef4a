#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ei::kafka {

// What a topic's own settings say of the records that it takes.
struct TopicConfig {
  uint64_t message_bytes_max = 0;  // max.message.bytes: of a batch as it is written, its overhead included
  bool compacted = false;          // cleanup.policy: a record needs a key
  int in_sync_min = 0;             // min.insync.replicas, as it is in effect; 0: not told
  bool operator==(const TopicConfig&) const = default;
};

// By topic; the names live as long as what they were read from.
using TopicConfigAnswer = base::Result<std::vector<std::pair<std::string_view, base::Result<TopicConfig>>>>;

}  // namespace ei::kafka
