#include "adapters/http/proxy_header.h"

#include <algorithm>
#include <array>

namespace ei::http {

namespace ip = boost::asio::ip;

namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view kVersion1 = "PROXY ";
constexpr size_t kFixedBytes = 16;
constexpr size_t kPorts = 4;  // bytes of the two ports

enum Command : uint8_t { kLocal = 0, kProxy = 1 };
enum Family : uint8_t { kUnspecified = 0x00, kTcp4 = 0x11, kTcp6 = 0x21 };  // with the transport protocol

uint8_t ByteAt(std::string_view bytes, size_t place) { return static_cast<uint8_t>(bytes[place]); }

size_t NumberAt(std::string_view bytes, size_t place) {
  return size_t{ByteAt(bytes, place)} << 8 | ByteAt(bytes, place + 1);
}

ProxyHeader Failed(std::string_view fault) { return {.fault = fault}; }

ProxyHeader NeedMore(size_t bytes) { return {.status = ProxyHeader::Status::kNeedMore, .bytes = bytes}; }

// The additional fields, each with a type, a length of two bytes and a value.
bool AreFields(std::string_view bytes) {
  constexpr size_t kHead = 3;
  while (!bytes.empty()) {
    if (bytes.size() < kHead) return false;
    const size_t size = kHead + NumberAt(bytes, 1);
    if (bytes.size() < size) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

template <typename Address>
ProxyHeader WithClient(std::string_view rest, size_t header_bytes) {
  typename Address::bytes_type address{};
  const size_t addresses = 2 * address.size() + kPorts;
  if (rest.size() < addresses) return Failed("the header is too short for its addresses");
  if (!AreFields(rest.substr(addresses))) return Failed("the header's additional fields are malformed");
  std::ranges::transform(rest.substr(0, address.size()), address.begin(),
                         [](char c) { return static_cast<uint8_t>(c); });
  return {.status = ProxyHeader::Status::kDone, .bytes = header_bytes, .client = Address(address)};
}

}  // namespace

ProxyHeader ParseProxyHeader(std::string_view bytes) {
  const size_t known = std::min(bytes.size(), kSignature.size());
  if (bytes.substr(0, known) != kSignature.substr(0, known)) {
    return Failed(bytes.starts_with(kVersion1.substr(0, std::min(known, kVersion1.size())))
                      ? "the header is of version 1; configure version 2 at the balancer"
                      : "there is no header of the PROXY protocol");
  }
  if (bytes.size() < kFixedBytes) return NeedMore(kFixedBytes);
  const uint8_t version = ByteAt(bytes, 12) >> 4;
  const uint8_t command = ByteAt(bytes, 12) & 0x0f;
  const uint8_t family = ByteAt(bytes, 13);
  if (version != 2) return Failed("the header's version is unknown");
  if (command > kProxy) return Failed("the header's command is unknown");
  const size_t header_bytes = kFixedBytes + NumberAt(bytes, 14);
  if (header_bytes > kProxyHeaderBytesMax) return Failed("the header is too long");
  if (bytes.size() < header_bytes) return NeedMore(header_bytes);

  const std::string_view rest = bytes.substr(kFixedBytes, header_bytes - kFixedBytes);
  if (command == kLocal || family == kUnspecified) {
    return {.status = ProxyHeader::Status::kDone, .bytes = header_bytes};
  }
  if (family == kTcp4) return WithClient<ip::address_v4>(rest, header_bytes);
  if (family == kTcp6) return WithClient<ip::address_v6>(rest, header_bytes);
  return Failed("the header is not for TCP over IPv4 or IPv6");
}

}  // namespace ei::http
