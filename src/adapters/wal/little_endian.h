#pragma once

#include <bit>
#include <concepts>
#include <cstring>
#include <string>
#include <string_view>

namespace ei::wal {

// Numbers as the log has them on the disk.

template <std::integral Number>
void AppendNumber(std::string& out, Number number) {
  if constexpr (std::endian::native == std::endian::big) number = std::byteswap(number);
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof number);
}

// Reads from the front of `bytes` and goes on behind it. The caller has made sure that there is enough.
template <std::integral Number>
Number TakeNumber(std::string_view& bytes) {
  Number number = 0;
  bytes.copy(reinterpret_cast<char*>(&number), sizeof number);
  if constexpr (std::endian::native == std::endian::big) number = std::byteswap(number);
  bytes.remove_prefix(sizeof number);
  return number;
}

}  // namespace ei::wal
