#include "event/topic_name.h"

#include <algorithm>

namespace ei {

bool IsTopicName(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kTopicNameBytesMax && name != "." && name != ".." &&
         std::ranges::all_of(name, allowed);
}

}  // namespace ei
