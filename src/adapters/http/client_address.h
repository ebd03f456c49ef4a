#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include "base/result.h"

namespace ei::http {

// The proxies whose X-Forwarded-For header is trusted. Immutable, so thread-safe.
class TrustedProxies {
 public:
  // Parses a list of networks or single addresses, separated by commas, such as "10.0.0.0/8, 2001:db8::1". An
  // empty text means that no proxy is trusted.
  static base::Result<TrustedProxies> Parse(std::string_view list);

  bool Contains(const boost::asio::ip::address& address) const;

  // Returns the client of a request that a trusted proxy forwarded: the last address in X-Forwarded-For that
  // isn't a trusted proxy's. Each proxy appends the address of its caller, so anything before that address
  // may be forged. Returns nullopt if there is no such address, or if an entry that is reached isn't an
  // address.
  std::optional<boost::asio::ip::address> ClientIn(std::string_view forwarded_for) const;

 private:
  std::vector<boost::asio::ip::network_v4> v4_;
  std::vector<boost::asio::ip::network_v6> v6_;
};

// Returns the bytes that identify a client: its IPv4 address, or the /64 network of its IPv6 address, because
// a single host may use any address of its /64. An IPv4-mapped IPv6 address counts as IPv4.
std::string IdentityOf(const boost::asio::ip::address& address);

}  // namespace ei::http
