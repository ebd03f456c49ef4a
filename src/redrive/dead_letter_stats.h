#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/time.h"
#include "redrive/dead_letter_record.h"

namespace ei {

// Counts dead letters by code and topic.
class DeadLetterStats {
 public:
  // Dead letters may have any content. If there are more groups than this, the others are counted as kOther.
  static constexpr size_t kGroupsMax = 1000;
  static constexpr const char* kOther = "(other)";

  struct Key {
    std::string code;   // empty: no dlq_code
    std::string topic;  // the one that rejected it; empty: no dlq_topic
    auto operator<=>(const Key&) const = default;
  };
  struct Group {
    uint64_t dead_letters = 0;
    uint64_t bytes = 0;  // of keys and values
    base::WallTime oldest = base::WallTime::max();
    base::WallTime newest = base::WallTime::min();
  };

  void Add(const DeadLetterRecord& dead_letter);

  const std::map<Key, Group>& Groups() const { return groups_; }
  Group Total() const;

 private:
  std::map<Key, Group> groups_;
};

}  // namespace ei
