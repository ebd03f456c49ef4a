// Parses arbitrary starts of connections as headers of the PROXY protocol: the result is the same in however
// many parts they arrive, no byte beyond the header is needed or used, and the number of bytes that are asked
// for is bounded.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "adapters/http/proxy_header.h"

namespace {

using ei::http::ParseProxyHeader;
using ei::http::ProxyHeader;
using Status = ProxyHeader::Status;

void Require(bool holds) {
  if (!holds) std::abort();
}

// What a reader gets that reads as many bytes as the parser asks for.
ProxyHeader ReadFrom(std::string_view input) {
  size_t have = 0;
  for (;;) {
    const ProxyHeader header = ParseProxyHeader(input.substr(0, have));
    if (header.status != Status::kNeedMore || have == input.size()) return header;
    Require(header.bytes > have && header.bytes <= ei::http::kProxyHeaderBytesMax);
    have = std::min(input.size(), header.bytes);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const ProxyHeader whole = ParseProxyHeader(input);
  const ProxyHeader read = ReadFrom(input);
  Require(read.status == whole.status);
  Require((whole.status == Status::kFailed) == !whole.fault.empty());
  if (whole.status != Status::kDone) return 0;
  Require(read.bytes == whole.bytes && read.client == whole.client && whole.bytes <= input.size());
  const ProxyHeader alone = ParseProxyHeader(std::string(input, 0, whole.bytes));
  Require(alone.status == Status::kDone && alone.client == whole.client);
  for (size_t part = 0; part < whole.bytes; ++part) {
    Require(ParseProxyHeader(std::string(input, 0, part)).status == Status::kNeedMore);
  }
  return 0;
}
