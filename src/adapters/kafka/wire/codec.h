#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ei::kafka::wire {

// Compression of a batch's records; the numbers are those of the batch's attributes.
enum class Codec : uint8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };

// "none", "gzip", "snappy", "lz4", "zstd".
std::optional<Codec> CodecOf(std::string_view name);

// Appends the compressed `bytes` in the form that Kafka consumers read: gzip (RFC 1952), raw snappy, an LZ4
// frame, a zstd frame; each library's default level. Returns false if the library failed; `out` is then
// unchanged.
bool Compress(Codec codec, std::string_view bytes, std::string& out);

}  // namespace ei::kafka::wire
