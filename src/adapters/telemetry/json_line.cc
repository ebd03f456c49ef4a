#include "adapters/telemetry/json_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <variant>

#include "base/utf8.h"
#include "event/timestamp.h"

namespace ei::telemetry {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";     // U+2026

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return "debug";
    case LogLevel::kInfo: return "info";
    case LogLevel::kWarn: return "warn";
    case LogLevel::kError: return "error";
  }
  return "error";
}

// `code` is below 0x100.
void AppendEscape(std::string& out, uint8_t code) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out.append("\\u00");
  out += kHex[code >> 4U];
  out += kHex[code & 0xFU];
}

void AppendCharacter(std::string& out, std::string_view character) {
  const auto first = static_cast<uint8_t>(character[0]);
  switch (first) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  const bool low_control = character.size() == 1 && (first < 0x20 || first == 0x7F);
  const bool high_control = first == 0xC2 && static_cast<uint8_t>(character[1]) < 0xA0;  // U+0080 to U+009F
  if (low_control || high_control) {
    AppendEscape(out, static_cast<uint8_t>(character.back()));
  } else {
    out += character;
  }
}

void AppendString(std::string& out, std::string_view text) {
  out += '"';
  size_t at = 0;
  while (at < text.size()) {
    const base::Utf8Character next = base::ReadUtf8(text.substr(at));
    if (at + next.bytes > kLogTextBytesMax) {
      out += kEllipsis;
      break;
    }
    if (next.valid) {
      AppendCharacter(out, text.substr(at, next.bytes));
    } else {
      out += kReplacement;
    }
    at += next.bytes;
  }
  out += '"';
}

template <typename Number>
void AppendNumber(std::string& out, Number number) {
  std::array<char, 32> text{};
  out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr);
}

void AppendValue(std::string& out, const LogField& field) {
  std::visit(
      [&out](auto value) {
        using Value = decltype(value);
        if constexpr (std::is_same_v<Value, std::string_view>) {
          AppendString(out, value);
        } else if constexpr (std::is_same_v<Value, bool>) {
          out += value ? "true" : "false";
        } else if constexpr (std::is_same_v<Value, double>) {
          if (std::isfinite(value)) {
            AppendNumber(out, value);
          } else {
            out += "null";
          }
        } else {
          AppendNumber(out, value);
        }
      },
      field.value);
}

void AppendName(std::string& out, std::string_view name) {
  constexpr std::array<std::string_view, 4> kReserved = {"level", "time", "component", "message"};
  out += ',';
  AppendString(out, name);
  if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end()) {
    out.back() = '_';
    out += '"';
  }
  out += ':';
}

}  // namespace

std::string JsonLine(base::WallTime time, LogLevel level, std::string_view component,
                     std::string_view message, std::span<const LogField> fields) {
  constexpr size_t kUsualBytes = 256;
  std::string line;
  line.reserve(kUsualBytes);
  line.append(R"({"level":")").append(LevelName(level)).append(R"(","time":")");
  line.append(View(FormatTimestamp(time))).append(R"(","component":)");
  AppendString(line, component);
  line += R"(,"message":)";
  AppendString(line, message);
  for (const LogField& field : fields) {
    AppendName(line, field.name);
    AppendValue(line, field);
  }
  line += '}';
  return line;
}

}  // namespace ei::telemetry
