#include "redrive/dead_letter_stats.h"

#include <algorithm>

#include "delivery/dead_letter_headers.h"
#include "redrive/dead_letter_filter.h"

namespace ei {

void DeadLetterStats::Add(const DeadLetterRecord& dead_letter) {
  Key key{std::string(dead_letter.Header(kDlqCode)), std::string(dead_letter.Header(kDlqTopic))};
  if (groups_.size() >= kGroupsMax && !groups_.contains(key)) key = {kOther, kOther};
  Group& group = groups_[std::move(key)];
  const base::WallTime failed_at = FailedAt(dead_letter);
  ++group.dead_letters;
  group.bytes += dead_letter.value.size() + (dead_letter.key ? dead_letter.key->size() : 0);
  group.oldest = std::min(group.oldest, failed_at);
  group.newest = std::max(group.newest, failed_at);
}

DeadLetterStats::Group DeadLetterStats::Total() const {
  Group total;
  for (const auto& [key, group] : groups_) {
    total.dead_letters += group.dead_letters;
    total.bytes += group.bytes;
    total.oldest = std::min(total.oldest, group.oldest);
    total.newest = std::max(total.newest, group.newest);
  }
  return total;
}

}  // namespace ei
