#include "bench/json_text.h"

namespace ei::bench {

std::string JsonText(std::string_view text) {
  std::string json = "\"";
  for (const char byte : text) {
    if (byte == '"' || byte == '\\') json += '\\';
    json += byte >= ' ' && byte <= '~' ? byte : '?';
  }
  return json + '"';
}

}  // namespace ei::bench
