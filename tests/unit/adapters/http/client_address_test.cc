#include "adapters/http/client_address.h"

#include <gtest/gtest.h>

#include <string>

namespace ei::http {
namespace {

using boost::asio::ip::make_address;

TrustedProxies Proxies(std::string_view list) { return TrustedProxies::Parse(list).value(); }

std::string ClientIn(const TrustedProxies& proxies, std::string_view forwarded_for) {
  const auto client = proxies.ClientIn(forwarded_for);
  return client ? client->to_string() : "none";
}

TEST(TrustedProxies, WhatIsNoNetworkIsRefused) {
  for (const std::string_view list : {"10.0.0.0/33", "10.0.0", "host", ",", "::1/129", "10.0.0.0/-1",
                                      "10.0.0.0/8 192.168.0.0/16", "1.2.3.4/", "/8"}) {
    EXPECT_FALSE(TrustedProxies::Parse(list)) << list;
  }
}

TEST(TrustedProxies, AnAddressIsOneOfThemByItsNetwork) {
  const TrustedProxies proxies = Proxies("10.1.2.3/8, 192.0.2.7,2001:db8:1::/48 , ::1");
  for (const char* inside : {"10.255.0.1", "192.0.2.7", "2001:db8:1:ffff::1", "::1", "::ffff:10.0.0.1"}) {
    EXPECT_TRUE(proxies.Contains(make_address(inside))) << inside;
  }
  for (const char* outside : {"11.0.0.1", "192.0.2.8", "2001:db8:2::1", "::2", "::ffff:11.0.0.1"}) {
    EXPECT_FALSE(proxies.Contains(make_address(outside))) << outside;
  }
  EXPECT_FALSE(Proxies("").Contains(make_address("127.0.0.1")));
  EXPECT_TRUE(Proxies("0.0.0.0/0").Contains(make_address("198.51.100.1")));
}

TEST(TrustedProxies, TheClientIsTheLastThatIsNotOneOfThem) {
  const TrustedProxies proxies = Proxies("10.0.0.0/8");
  EXPECT_EQ(ClientIn(proxies, "198.51.100.1"), "198.51.100.1");
  EXPECT_EQ(ClientIn(proxies, "203.0.113.9, 198.51.100.1, 10.0.0.4"), "198.51.100.1");
  EXPECT_EQ(ClientIn(proxies, "made up, 198.51.100.1,10.0.0.4 "), "198.51.100.1");
  EXPECT_EQ(ClientIn(proxies, "198.51.100.1:4711"), "198.51.100.1");
  EXPECT_EQ(ClientIn(proxies, "2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(ClientIn(proxies, "[2001:db8::1]:443"), "2001:db8::1");
}

TEST(TrustedProxies, NothingIsMadeOutOfWhatIsNoAddress) {
  const TrustedProxies proxies = Proxies("10.0.0.0/8");
  for (const std::string_view value : {"", "10.0.0.1", "10.0.0.1, 10.0.0.2", "198.51.100.1, unknown",
                                       "_hidden", ",", "[", "[]", "198.51.100.1,", ":"}) {
    EXPECT_EQ(ClientIn(proxies, value), "none") << value;
  }
}

TEST(ClientIdentity, AnIpv6NetworkIsOneClient) {
  EXPECT_EQ(IdentityOf(make_address("2001:db8::1")), IdentityOf(make_address("2001:db8::ffff:0:1")));
  EXPECT_NE(IdentityOf(make_address("2001:db8::1")), IdentityOf(make_address("2001:db8:0:1::1")));
  EXPECT_NE(IdentityOf(make_address("192.0.2.1")), IdentityOf(make_address("192.0.2.2")));
  EXPECT_EQ(IdentityOf(make_address("192.0.2.1")), IdentityOf(make_address("::ffff:192.0.2.1")));
}

}  // namespace
}  // namespace ei::http
