#include "clients/name_rules.h"

#include <algorithm>

namespace ei {

NameRules::NameRules(std::span<const std::string> rules) : allows_all_(false) {
  for (const std::string& rule : rules) {
    if (rule.ends_with('*')) {
      prefixes_.emplace_back(rule, 0, rule.size() - 1);
    } else {
      names_.push_back(rule);
    }
  }
  std::ranges::sort(names_);
  std::ranges::sort(prefixes_);
  // A prefix is directly before those that begin with it.
  const auto covered = [](const std::string& shorter, const std::string& longer) {
    return longer.starts_with(shorter);
  };
  prefixes_.erase(std::ranges::unique(prefixes_, covered).begin(), prefixes_.end());
  allows_all_ = !prefixes_.empty() && prefixes_.front().empty();
}

bool NameRules::Find(std::string_view name) const {
  if (std::ranges::binary_search(names_, name)) return true;
  // Everything between a prefix of the name and the name itself begins with that prefix. As no prefix here
  // begins with another, only the greatest that is not after the name can be one.
  const auto after = std::ranges::upper_bound(prefixes_, name);
  return after != prefixes_.begin() && name.starts_with(*std::prev(after));
}

}  // namespace ei
