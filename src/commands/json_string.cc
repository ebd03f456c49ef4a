#include "commands/json_string.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

namespace ei::service {

std::string JsonString(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted.append({'\\', c});
    } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(quoted), "\\u{:04x}", static_cast<uint8_t>(c));
    } else {
      quoted += c;
    }
  }
  return quoted += '"';
}

}  // namespace ei::service
