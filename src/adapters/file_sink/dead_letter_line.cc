#include "adapters/file_sink/dead_letter_line.h"

#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "base/base64.h"

namespace ei::file_sink {

namespace {

constexpr size_t kMembersMax = 64;  // a line has about a dozen

// Reads the members of a line from left to right. Every member before the value is a string or null. The
// value is the last member and is not parsed.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : rest_(line) {}

  bool Take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  std::optional<std::string> TakeString() {
    if (!Take("\"")) return std::nullopt;
    std::string text;
    for (;;) {
      const size_t run = rest_.find_first_of("\"\\");
      if (run == std::string_view::npos) return std::nullopt;
      text += rest_.substr(0, run);
      rest_.remove_prefix(run);
      if (Take("\"")) return text;
      const auto escaped = TakeEscape();
      if (!escaped) return std::nullopt;
      text += *escaped;
    }
  }

  std::string_view Rest() const { return rest_; }

 private:
  // Supports only the escapes that AppendDeadLetterLine writes: \" \\ and \u00XX.
  std::optional<char> TakeEscape() {
    if (Take("\\\"")) return '"';
    if (Take("\\\\")) return '\\';
    if (!Take("\\u00") || rest_.size() < 2) return std::nullopt;
    uint8_t byte = 0;
    const auto [end, fault] = std::from_chars(rest_.begin(), rest_.begin() + 2, byte, 16);
    if (fault != std::errc() || end != rest_.data() + 2 || byte >= 0x20) return std::nullopt;
    rest_.remove_prefix(2);
    return static_cast<char>(byte);
  }

  std::string_view rest_;
};

bool TakeKey(LineReader& reader, std::string_view name, DeadLetterRecord& dead_letter) {
  if (name == "key" && reader.Take("null")) return true;
  dead_letter.key = reader.TakeString();
  if (dead_letter.key && name == "key_base64") dead_letter.key = base::DecodeBase64(*dead_letter.key);
  return dead_letter.key.has_value();
}

}  // namespace

std::optional<DeadLetterRecord> ParseDeadLetterLine(std::string_view line) {
  LineReader reader(line);
  DeadLetterRecord dead_letter;
  if (!reader.Take("{")) return std::nullopt;
  for (size_t members = 0; members < kMembersMax; ++members) {
    const auto name = reader.TakeString();
    if (!name || !reader.Take(":")) return std::nullopt;
    if (*name == "value") {
      if (!reader.Rest().ends_with('}')) return std::nullopt;
      dead_letter.value = reader.Rest().substr(0, reader.Rest().size() - 1);
      return dead_letter;
    }
    if (*name == "value_base64") {
      const auto text = reader.TakeString();
      auto value = text ? base::DecodeBase64(*text) : std::nullopt;
      if (!value || reader.Rest() != "}") return std::nullopt;
      dead_letter.value = std::move(*value);
      return dead_letter;
    }
    if (*name == "key" || *name == "key_base64") {
      if (!TakeKey(reader, *name, dead_letter)) return std::nullopt;
    } else {
      auto text = reader.TakeString();
      if (!text) return std::nullopt;
      dead_letter.headers.emplace_back(*name, std::move(*text));
    }
    if (!reader.Take(",")) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace ei::file_sink
