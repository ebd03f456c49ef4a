#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ei::http {

inline constexpr std::string_view kProxySignature("\r\n\r\n\0\r\nQUIT\n", 12);

// A header of the PROXY protocol, version 2. `command`: with the version; `family`: with the transport.
inline std::string ProxyBytes(uint8_t command, uint8_t family, std::string_view rest) {
  std::string header(kProxySignature);
  for (const size_t byte : {size_t{command}, size_t{family}, rest.size() >> 8, rest.size() & 0xff}) {
    header.push_back(static_cast<char>(byte));
  }
  return header.append(rest);
}

// For a client at 192.0.2.`host`, or, with `prefix`, in another network.
inline std::string ProxyTcp4(uint8_t host, std::string_view prefix = {"\xc0\x00\x02", 3},
                             std::string_view fields = {}) {
  std::string rest(prefix);
  rest.push_back(static_cast<char>(host));
  return ProxyBytes(0x21, 0x11,
                    rest + std::string("\x0a\x00\x00\x01\x9c\x40\x01\xbb", 8) + std::string(fields));
}

}  // namespace ei::http
