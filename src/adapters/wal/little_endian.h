#pragma once

#include <bit>
#include <concepts>
#include <cstring>
#include <string>
#include <string_view>

namespace ei::wal {

// Little-endian numbers, as the log stores them on the disk.

template <std::integral Number>
void AppendNumber(std::string& out, Number number) {
  if constexpr (std::endian::native == std::endian::big) number = std::byteswap(number);
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof number);
}

// Reads a number from the front of `bytes` and removes it there. `bytes` must be long enough.
template <std::integral Number>
Number TakeNumber(std::string_view& bytes) {
  Number number = 0;
  bytes.copy(reinterpret_cast<char*>(&number), sizeof number);
  if constexpr (std::endian::native == std::endian::big) number = std::byteswap(number);
  bytes.remove_prefix(sizeof number);
  return number;
}

}  // namespace ei::wal
