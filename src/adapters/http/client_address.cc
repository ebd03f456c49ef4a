#include "adapters/http/client_address.h"

#include <algorithm>

#include "adapters/http/header_text.h"

namespace ei::http {

namespace ip = boost::asio::ip;

namespace {

constexpr size_t kNetworkBytes = 8;  // of an IPv6 address; a site gets at least a /64

// On a socket that accepts both IPv4 and IPv6, an IPv4 client's address is mapped to IPv6. Returns the IPv4
// address.
ip::address Unmapped(const ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return ip::make_address_v4(ip::v4_mapped, address.to_v6());
}

// Some proxies append the port: "192.0.2.1:443", "[2001:db8::1]:443".
std::string_view WithoutPort(std::string_view text) {
  if (text.starts_with('[')) return text.substr(1, text.find(']') - 1);
  return std::ranges::count(text, ':') == 1 ? text.substr(0, text.find(':')) : text;
}

}  // namespace

base::Result<TrustedProxies> TrustedProxies::Parse(std::string_view list) {
  TrustedProxies proxies;
  while (!list.empty()) {
    const std::string text(Trim(TakeUntil(list, ',')));
    boost::system::error_code error;
    const bool is_v6 = text.find(':') != std::string::npos;
    const bool has_length = text.find('/') != std::string::npos;
    if (is_v6) {
      proxies.v6_.push_back(ip::make_network_v6(has_length ? text : text + "/128", error).canonical());
    } else {
      proxies.v4_.push_back(ip::make_network_v4(has_length ? text : text + "/32", error).canonical());
    }
    if (error) {
      return base::Fail(base::ErrorKind::kInvalid,
                        "\"" + text + "\" is neither an address nor a network as in 10.0.0.0/8");
    }
  }
  return proxies;
}

bool TrustedProxies::Contains(const ip::address& address) const {
  const ip::address plain = Unmapped(address);
  const auto holds = [&](const auto& network, const auto& host) {
    return typename std::decay_t<decltype(network)>(host, network.prefix_length()).canonical() == network;
  };
  if (plain.is_v4()) {
    return std::ranges::any_of(v4_, [&](const auto& network) { return holds(network, plain.to_v4()); });
  }
  return std::ranges::any_of(v6_, [&](const auto& network) { return holds(network, plain.to_v6()); });
}

std::optional<ip::address> TrustedProxies::ClientIn(std::string_view forwarded_for) const {
  while (!forwarded_for.empty()) {
    const size_t comma = forwarded_for.rfind(',');
    const size_t begin = comma == std::string_view::npos ? 0 : comma + 1;
    const std::string text(WithoutPort(Trim(forwarded_for.substr(begin))));
    boost::system::error_code error;
    ip::address address = ip::make_address(text, error);
    if (error) return std::nullopt;
    if (!Contains(address)) return address;
    forwarded_for = forwarded_for.substr(0, begin == 0 ? 0 : comma);
  }
  return std::nullopt;
}

std::string IdentityOf(const ip::address& address) {
  const ip::address plain = Unmapped(address);
  if (plain.is_v4()) {
    const auto bytes = plain.to_v4().to_bytes();
    return {bytes.begin(), bytes.end()};
  }
  const auto bytes = plain.to_v6().to_bytes();
  return {bytes.begin(), bytes.begin() + kNetworkBytes};
}

}  // namespace ei::http
