#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <boost/asio/ip/address.hpp>

namespace ei::http {

// The header of the PROXY protocol, version 2, with which a balancer that passes TCP through names the client
// at the start of a connection (HAProxy, doc/proxy-protocol.txt).
struct ProxyHeader {
  enum class Status : uint8_t { kNeedMore, kDone, kFailed };

  Status status = Status::kFailed;
  size_t bytes = 0;  // kNeedMore: how many are needed at least; kDone: how many the header has
  std::optional<boost::asio::ip::address> client =
      {};                       // kDone; nullopt: the balancer itself, such as its probe
  std::string_view fault = {};  // kFailed: why, for the log
};

// With the additional fields of today's balancers a header has some hundred bytes.
inline constexpr size_t kProxyHeaderBytesMax = 4 << 10;

// `bytes`: what has arrived of the connection, from its first byte. Never reads beyond the header.
ProxyHeader ParseProxyHeader(std::string_view bytes);

}  // namespace ei::http
