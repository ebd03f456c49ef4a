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

// The proxies whose word about a request's client is taken. Immutable, so thread-safe.
class TrustedProxies {
 public:
  // Networks as in "10.0.0.0/8, 2001:db8::/32", or single addresses, separated by commas; the empty text:
  // none.
  static base::Result<TrustedProxies> Parse(std::string_view list);

  bool Contains(const boost::asio::ip::address& address) const;

  // The client of a request that such a proxy passed on: the last address in X-Forwarded-For that isn't a
  // trusted proxy's, as each proxy appends who it was called by and whatever stands before may be made up.
  // nullopt: there is none, or what stands in its place is no address.
  std::optional<boost::asio::ip::address> ClientIn(std::string_view forwarded_for) const;

 private:
  std::vector<boost::asio::ip::network_v4> v4_;
  std::vector<boost::asio::ip::network_v6> v6_;
};

// What a client is told apart by: its IPv4 address, or the /64 network of its IPv6 address, of which a single
// host may use any address.
std::string IdentityOf(const boost::asio::ip::address& address);

}  // namespace ei::http
