// Parses arbitrary bytes: the result must not depend on how they are split, and limits must be kept.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "unit/adapters/http/parsed_request.h"

namespace {

constexpr size_t kHeaderBytesMax = 1024;
constexpr size_t kBodyBytesMax = 4096;
constexpr size_t kTrickledMax = 512;  // longer inputs are not sent byte by byte: it would take too long

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t split = data[0] | data[1] << 8;
  const std::string_view wire(reinterpret_cast<const char*>(data) + 2, size - 2);

  ei::http::ParsedRequest whole(kHeaderBytesMax, kBodyBytesMax);
  whole.Feed(wire);
  Require(whole.Body().size() <= kBodyBytesMax);
  Require(whole.Head().request_id.size() <= 128);
  Require(whole.Head().traceparent.empty() || whole.Head().traceparent.size() == 55);

  const size_t first = std::min(split, wire.size());
  ei::http::ParsedRequest halves(kHeaderBytesMax, kBodyBytesMax);
  halves.Feed(wire.substr(0, first));
  halves.Feed(wire.substr(first));

  // Which of several faults is reported first may depend on the bytes received so far; whether the request is
  // accepted must not.
  Require((halves.End() == "taken") == (whole.End() == "taken"));
  if (whole.End() == "taken") Require(halves.Summary() == whole.Summary() && halves.Rest() == whole.Rest());

  if (wire.size() > kTrickledMax) return 0;
  ei::http::ParsedRequest trickled(kHeaderBytesMax, kBodyBytesMax);
  for (const char byte : wire) trickled.Feed({&byte, 1});
  Require((trickled.End() == "taken") == (whole.End() == "taken"));
  if (whole.End() == "taken") Require(trickled.Summary() == whole.Summary());
  return 0;
}
