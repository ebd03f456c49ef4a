#pragma once

#include <cstddef>
#include <functional>
#include <ranges>
#include <string>

namespace ei::base {

// The texts of the first `count_max` items, and how many more there are: "a; b; and 3 more".
template <std::ranges::sized_range Items, typename TextOf = std::identity>
std::string JoinFirst(const Items& items, size_t count_max, TextOf text_of = {}) {
  std::string joined;
  for (const auto& item : items | std::views::take(count_max)) {
    if (!joined.empty()) joined += "; ";
    joined += text_of(item);
  }
  const size_t count = std::ranges::size(items);
  if (count > count_max) joined += "; and " + std::to_string(count - count_max) + " more";
  return joined;
}

}  // namespace ei::base
