#include "adapters/file_sink/line_format.h"

#include <cstdint>

#include "base/base64.h"
#include "base/utf8.h"
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

void AppendString(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    const auto [size, valid] = base::ReadUtf8(text);
    const char c = text.front();
    if (!valid) {
      out += "\xEF\xBF\xBD";
    } else if (static_cast<uint8_t>(c) < 0x20) {
      out += "\\u00";
      out += kHex[static_cast<uint8_t>(c) >> 4];
      out += kHex[static_cast<uint8_t>(c) & 15];
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  out += '"';
}

void AppendMember(std::string& out, std::string_view name) { out.append(1, '"').append(name).append("\":"); }

}  // namespace

void AppendEventLine(std::string& out, std::string_view value) {
  AppendOneLine(out, value);
  out += '\n';
}

void AppendDeadLetterLine(std::string& out, const EventView& event, const DeadLetterNote& note) {
  out += '{';
  for (const auto& [name, value] : DeadLetterHeaders(note, event.context)) {
    AppendMember(out, name);
    AppendString(out, value);
    out += ',';
  }
  if (!event.has_key) {
    out += R"("key":null,)";
  } else if (base::IsUtf8(event.key)) {
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
