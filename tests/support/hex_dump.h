#pragma once

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <sstream>
#include <string>
#include <string_view>

namespace ei::support {

// Formats sixteen bytes a line, like `hexdump -C`; lines of zeros are omitted.
//
//   000400  46 52 41 4d 23 05 8f 7c  00 00 00 00 00 00 00 00  |FRAM#..|........|
inline std::string HexDump(std::string_view bytes) {
  constexpr size_t kPerLine = 16;
  std::string dump;
  for (size_t at = 0; at < bytes.size(); at += kPerLine) {
    const std::string_view line = bytes.substr(at, kPerLine);
    if (line.find_first_not_of('\0') == std::string_view::npos) continue;
    char text[24];
    std::snprintf(text, sizeof text, "%06zx", at);
    dump.append(text).append(" ");
    for (size_t i = 0; i < kPerLine; ++i) {
      std::snprintf(text, sizeof text, i < line.size() ? " %02x" : "   ",
                    i < line.size() ? static_cast<unsigned char>(line[i]) : 0);
      dump.append(i == kPerLine / 2 ? " " : "").append(text);
    }
    dump.append("  |");
    for (const char c : line) dump.push_back(std::isprint(static_cast<unsigned char>(c)) != 0 ? c : '.');
    dump.append("|\n");
  }
  return dump;
}

// Parses a dump back into its `size` bytes.
inline std::string FromHexDump(std::string_view dump, size_t size) {
  std::string bytes(size, '\0');
  std::istringstream lines{std::string(dump)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('|')));
    size_t at = 0;
    words >> std::hex >> at;
    for (unsigned byte = 0; words >> byte; ++at) bytes.at(at) = static_cast<char>(byte);
  }
  return bytes;
}

}  // namespace ei::support
