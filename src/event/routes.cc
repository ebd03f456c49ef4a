#include "event/routes.h"

#include <algorithm>

namespace ei {

Routes::Routes() : Routes(Rule(), {}) {}

Routes::Routes(const Rule& fallback, std::span<const Rule> rules) : fallback_(RouteOf(fallback)) {
  for (const Rule& rule : rules) {
    std::string_view type = rule.type;
    const bool prefix = type.ends_with('*');
    if (prefix) {
      type.remove_suffix(1);
      prefix_sizes_.push_back(type.size());
    }
    (prefix ? by_prefix_ : by_type_).try_emplace(std::string(type), RouteOf(rule));
  }
  std::ranges::sort(prefix_sizes_, std::greater<>());
  prefix_sizes_.erase(std::unique(prefix_sizes_.begin(), prefix_sizes_.end()), prefix_sizes_.end());
}

Route Routes::RouteOf(const Rule& rule) {
  Route route{rule.topic, rule.key.source, 0, rule.ack_min};
  if (rule.key.source != KeySource::kPointer) return route;
  const auto known = std::ranges::find(key_pointers_, rule.key.pointer);
  route.key_pointer = static_cast<size_t>(known - key_pointers_.begin());
  if (known == key_pointers_.end()) key_pointers_.push_back(rule.key.pointer);
  return route;
}

const Route& Routes::Find(std::string_view type) const {
  if (const auto exact = by_type_.find(type); exact != by_type_.end()) return exact->second;
  for (const size_t size : prefix_sizes_) {
    if (size > type.size()) continue;
    const auto found = by_prefix_.find(type.substr(0, size));
    if (found != by_prefix_.end()) return found->second;
  }
  return fallback_;
}

}  // namespace ei
