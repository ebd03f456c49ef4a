#include "app/letter_groups.h"

#include <algorithm>

#include "app/dead_letter_headers.h"
#include "app/letter_filter.h"

namespace ei::app {

void LetterGroups::Add(const StoredLetter& letter) {
  Key key{std::string(letter.Header(kDlqCode)), std::string(letter.Header(kDlqTopic))};
  if (groups_.size() >= kGroupsMax && !groups_.contains(key)) key = {kOther, kOther};
  Group& group = groups_[std::move(key)];
  const base::WallTime failed_at = FailedAt(letter);
  ++group.letters;
  group.bytes += letter.value.size() + (letter.key ? letter.key->size() : 0);
  group.oldest = std::min(group.oldest, failed_at);
  group.newest = std::max(group.newest, failed_at);
}

LetterGroups::Group LetterGroups::Total() const {
  Group total;
  for (const auto& [key, group] : groups_) {
    total.letters += group.letters;
    total.bytes += group.bytes;
    total.oldest = std::min(total.oldest, group.oldest);
    total.newest = std::max(total.newest, group.newest);
  }
  return total;
}

}  // namespace ei::app
