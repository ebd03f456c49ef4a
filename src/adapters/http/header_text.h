#pragma once

#include <algorithm>
#include <string_view>

namespace ei::http {

// Helpers that parse header values (RFC 9110, section 5.6).

inline std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Returns the text before the first `separator` and removes both from `text`. Without a separator it returns
// all of `text`.
inline std::string_view TakeUntil(std::string_view& text, char separator) {
  const size_t at = text.find(separator);
  const std::string_view taken = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return taken;
}

// Like TakeUntil, but ignores separators within a quoted string.
inline std::string_view TakeUntilUnquoted(std::string_view& text, char separator) {
  bool quoted = false;
  size_t at = 0;
  for (; at < text.size() && (quoted || text[at] != separator); ++at) {
    if (quoted && text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      quoted = !quoted;
    }
  }
  const std::string_view taken = text.substr(0, at);
  text = at >= text.size() ? std::string_view() : text.substr(at + 1);
  return taken;
}

inline std::string_view Unquote(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

inline char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return ToLower(x) == ToLower(y); });
}

}  // namespace ei::http
