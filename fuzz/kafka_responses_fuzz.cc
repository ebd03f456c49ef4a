// Parses arbitrary broker answers: with each response parser in each supported version, and as bytes of a
// connection.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "adapters/kafka/native/link.h"
#include "adapters/kafka/wire/messages.h"

namespace {

using ei::kafka::native::Link;
using ei::kafka::wire::Api;

void Parse(Api api, int16_t version, std::string_view bytes) {
  using namespace ei::kafka::wire;  // NOLINT(google-build-using-namespace): every Read of it
  switch (api) {
    case Api::kProduce: ReadProduce(version, bytes); break;
    case Api::kMetadata: ReadMetadata(version, bytes); break;
    case Api::kSaslHandshake: ReadSaslHandshake(version, bytes); break;
    case Api::kApiVersions: ReadApiVersions(version, bytes); break;
    case Api::kInitProducerId: ReadInitProducerId(version, bytes); break;
    case Api::kDescribeConfigs: ReadDescribeConfigs(version, bytes); break;
    case Api::kSaslAuthenticate: ReadSaslAuthenticate(version, bytes); break;
    case Api::kDescribeProducers: ReadDescribeProducers(version, bytes); break;
  }
}

void Connect(std::string_view bytes, size_t piece) {
  const ei::base::SteadyTime now{};
  Link link({}, now);
  link.OnConnected(now);
  while (!link.Take().Empty()) link.OnWritten();
  for (size_t at = 0; at < bytes.size() && !link.Ended(); at += piece) {
    link.OnBytes(bytes.substr(at, piece), now, [](const Link::Request&, std::string_view) {});
    while (!link.Take().Empty()) link.OnWritten();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto& spoken = ei::kafka::wire::kSupportedApis[data[0] % ei::kafka::wire::kSupportedApis.size()];
  const int versions = spoken.versions.max - spoken.versions.min + 1;
  Parse(spoken.api, static_cast<int16_t>(spoken.versions.min + data[1] % versions), bytes);
  Connect(bytes, 1 + data[1]);
  return 0;
}
