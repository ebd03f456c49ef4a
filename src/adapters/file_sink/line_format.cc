#include "adapters/file_sink/line_format.h"

#include <cstdint>

#include "base/base64.h"
#include "delivery/dead_letter_headers.h"

namespace ei::file_sink {

namespace {

void AppendOneLine(std::string& out, std::string_view value) {
  const size_t before = out.size();
  const size_t after = before + value.size();
  // The second argument is ignored: if the string grows, libstdc++ 12 passes the new capacity there.
  out.resize_and_overwrite(after, [&](char* data, size_t) {
    char* const to = data + before;
    const char* const from = value.data();
    // Branch-free, so that the compiler turns it into vector instructions.
    for (size_t i = 0; i < value.size(); ++i) to[i] = (from[i] == '\n' || from[i] == '\r') ? ' ' : from[i];
    return after;
  });
}

// Returns the length of the well-formed UTF-8 sequence (Unicode 15, table 3-7) at the start of `text`; 0 if
// there is none.
size_t SequenceBytes(std::string_view text) {
  const auto byte = [text](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0U; };
  const auto follows = [&](size_t i) { return byte(i) >= 0x80 && byte(i) <= 0xBF; };
  const uint32_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const uint32_t low = first == 0xE0 ? 0xA0 : 0x80;
    const uint32_t high = first == 0xED ? 0x9F : 0xBF;
    return byte(1) >= low && byte(1) <= high && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const uint32_t low = first == 0xF0 ? 0x90 : 0x80;
    const uint32_t high = first == 0xF4 ? 0x8F : 0xBF;
    return byte(1) >= low && byte(1) <= high && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

void AppendString(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    const size_t size = SequenceBytes(text);
    const char c = text.front();
    if (size == 0) {
      out += "\xEF\xBF\xBD";
    } else if (size == 1 && static_cast<uint8_t>(c) < 0x20) {
      out += "\\u00";
      out += kHex[static_cast<uint8_t>(c) >> 4];
      out += kHex[static_cast<uint8_t>(c) & 15];
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  out += '"';
}

void AppendMember(std::string& out, std::string_view name) { out.append(1, '"').append(name).append("\":"); }

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t size = SequenceBytes(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace

void AppendEventLine(std::string& out, std::string_view value) {
  AppendOneLine(out, value);
  out += '\n';
}

void AppendDeadLetterLine(std::string& out, const EventView& event, const DeadLetterNote& note) {
  out += '{';
  for (const auto& [name, value] : DeadLetterHeaders(note, event.traceparent)) {
    AppendMember(out, name);
    AppendString(out, value);
    out += ',';
  }
  if (!event.has_key) {
    out += R"("key":null,)";
  } else if (IsUtf8(event.key)) {
    AppendMember(out, "key");
    AppendString(out, event.key);
    out += ',';
  } else {
    AppendMember(out, "key_base64");
    AppendString(out, base::EncodeBase64(event.key));
    out += ',';
  }
  if (event.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos) {
    AppendMember(out, "value");
    out += event.value;
  } else {
    AppendMember(out, "value_base64");
    AppendString(out, base::EncodeBase64(event.value));
  }
  out += "}\n";
}

}  // namespace ei::file_sink
