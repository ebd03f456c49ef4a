#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace ei {

// A dead letter as it was read from the topic or the file. No part of it can be trusted: others may write to
// the topic too.
struct DeadLetterRecord {
  std::optional<std::string> key;
  std::string value;
  std::vector<std::pair<std::string, std::string>> headers;
  base::WallTime stored_at;

  // Where it was read: the partition and offset in the topic, or the segment's number and the offset of the
  // line's first byte.
  uint64_t part = 0;
  uint64_t offset = 0;

  // The value of the first header with this name; empty if there is none.
  std::string_view Header(std::string_view name) const {
    for (const auto& [each, text] : headers) {
      if (each == name) return text;
    }
    return {};
  }
};

}  // namespace ei
