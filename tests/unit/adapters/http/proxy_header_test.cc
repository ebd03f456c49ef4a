#include "adapters/http/proxy_header.h"

#include <gtest/gtest.h>

#include "unit/adapters/http/proxy_bytes.h"

namespace ei::http {
namespace {

using Status = ProxyHeader::Status;

std::string Tcp6() {
  std::string rest("\x20\x01\x0d\xb8", 4);
  rest += std::string(11, '\0') + "\x07" + std::string(16, '\0') + std::string("\x9c\x40\x01\xbb", 4);
  return ProxyBytes(0x21, 0x21, rest);
}

std::string ClientIn(const std::string& bytes) {
  const ProxyHeader header = ParseProxyHeader(bytes);
  if (header.status == Status::kFailed) return std::string(header.fault);
  if (header.status == Status::kNeedMore) return "needs " + std::to_string(header.bytes);
  return header.client ? header.client->to_string() : "the balancer";
}

TEST(ProxyHeader, TheClientIsTheSourceAddress) {
  EXPECT_EQ(ClientIn(ProxyTcp4(7)), "192.0.2.7");
  EXPECT_EQ(ClientIn(Tcp6()), "2001:db8::7");
}

TEST(ProxyHeader, BytesBehindItAreNotPartOfIt) {
  const std::string header = ProxyTcp4(7);
  const ProxyHeader parsed = ParseProxyHeader(header + "GET / HTTP/1.1\r\n");
  EXPECT_EQ(parsed.status, Status::kDone);
  EXPECT_EQ(parsed.bytes, header.size());
}

TEST(ProxyHeader, ItArrivesInAnyParts) {
  const std::string header = ProxyTcp4(7);
  for (size_t have = 0; have < header.size(); ++have) {
    const ProxyHeader parsed = ParseProxyHeader(header.substr(0, have));
    EXPECT_EQ(parsed.status, Status::kNeedMore) << have;
    EXPECT_EQ(parsed.bytes, have < 16 ? 16 : header.size());
  }
}

TEST(ProxyHeader, AProbeOfTheBalancerHasNoOtherClient) {
  EXPECT_EQ(ClientIn(ProxyBytes(0x20, 0x00, "")), "the balancer");
  EXPECT_EQ(ClientIn(ProxyBytes(0x20, 0x11, "anything")), "the balancer");
  EXPECT_EQ(ClientIn(ProxyBytes(0x21, 0x00, "anything")), "the balancer");
}

TEST(ProxyHeader, AdditionalFieldsAreSkippedAndMustBeWellFormed) {
  const std::string field("\x04\x00\x03xyz", 6);
  EXPECT_EQ(ClientIn(ProxyTcp4(7, {"\xc0\x00\x02", 3}, field + field)), "192.0.2.7");
  for (const size_t size : {1U, 2U, 3U, 5U}) {
    EXPECT_EQ(ClientIn(ProxyTcp4(7, {"\xc0\x00\x02", 3}, field.substr(0, size))),
              "the header's additional fields are malformed");
  }
}

TEST(ProxyHeader, WhatIsNoHeaderOfVersion2IsRefusedAtOnce) {
  EXPECT_EQ(ClientIn("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
            "the header is of version 1; configure version 2 at the balancer");
  EXPECT_EQ(ClientIn("GET / HTTP/1.1\r\n"), "there is no header of the PROXY protocol");
  EXPECT_EQ(ClientIn("\x16\x03\x01"), "there is no header of the PROXY protocol");
  EXPECT_EQ(ClientIn("\r\n\r\nX"), "there is no header of the PROXY protocol");
  std::string other = ProxyTcp4(7);
  other[12] = 0x31;
  EXPECT_EQ(ClientIn(other), "the header's version is unknown");
  other[12] = 0x22;
  EXPECT_EQ(ClientIn(other), "the header's command is unknown");
}

TEST(ProxyHeader, OtherTransportsAndShortAddressesAreRefused) {
  for (const int family : {0x10, 0x12, 0x22, 0x31, 0x41}) {
    EXPECT_EQ(ClientIn(ProxyBytes(0x21, static_cast<uint8_t>(family), std::string(216, 'a'))),
              "the header is not for TCP over IPv4 or IPv6");
  }
  EXPECT_EQ(ClientIn(ProxyBytes(0x21, 0x11, std::string(11, 'a'))),
            "the header is too short for its addresses");
  EXPECT_EQ(ClientIn(ProxyBytes(0x21, 0x21, std::string(35, 'a'))),
            "the header is too short for its addresses");
}

TEST(ProxyHeader, ItsLengthIsBounded) {
  const std::string prefix = std::string(kProxySignature) + "\x21\x11";
  EXPECT_EQ(ClientIn(prefix + std::string("\x0f\xf0", 2)), "needs " + std::to_string(kProxyHeaderBytesMax));
  EXPECT_EQ(ClientIn(prefix + std::string("\x0f\xf1", 2)), "the header is too long");
}

}  // namespace
}  // namespace ei::http
