#include "adapters/kafka/wire/codec.h"

#include <array>
#include <utility>

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

namespace ei::kafka::wire {

namespace {

constexpr std::array<std::pair<std::string_view, Codec>, 5> kNames = {{{"none", Codec::kNone},
                                                                       {"gzip", Codec::kGzip},
                                                                       {"snappy", Codec::kSnappy},
                                                                       {"lz4", Codec::kLz4},
                                                                       {"zstd", Codec::kZstd}}};

bool Gzip(std::string_view bytes, std::string& out, size_t at) {
  constexpr int kWindowBits = 15 + 16;  // zlib's flag for the gzip format
  constexpr int kMemoryLevel = 8;
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kWindowBits, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return false;
  }
  out.resize(at + deflateBound(&stream, bytes.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data() + at);
  stream.avail_out = static_cast<uInt>(out.size() - at);
  const bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(at + stream.total_out);
  deflateEnd(&stream);
  return done;
}

bool Snappy(std::string_view bytes, std::string& out, size_t at) {
  out.resize(at + snappy::MaxCompressedLength(bytes.size()));
  size_t written = 0;
  snappy::RawCompress(bytes.data(), bytes.size(), out.data() + at, &written);
  out.resize(at + written);
  return true;
}

bool Lz4(std::string_view bytes, std::string& out, size_t at) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;  // the Java client supports no other
  out.resize(at + LZ4F_compressFrameBound(bytes.size(), &preferences));
  const size_t written =
      LZ4F_compressFrame(out.data() + at, out.size() - at, bytes.data(), bytes.size(), &preferences);
  if (LZ4F_isError(written) != 0) return false;
  out.resize(at + written);
  return true;
}

bool Zstd(std::string_view bytes, std::string& out, size_t at) {
  out.resize(at + ZSTD_compressBound(bytes.size()));
  const size_t written =
      ZSTD_compress(out.data() + at, out.size() - at, bytes.data(), bytes.size(), ZSTD_CLEVEL_DEFAULT);
  if (ZSTD_isError(written) != 0) return false;
  out.resize(at + written);
  return true;
}

bool CompressAt(Codec codec, std::string_view bytes, std::string& out, size_t at) {
  switch (codec) {
    case Codec::kNone: out.append(bytes); return true;
    case Codec::kGzip: return Gzip(bytes, out, at);
    case Codec::kSnappy: return Snappy(bytes, out, at);
    case Codec::kLz4: return Lz4(bytes, out, at);
    case Codec::kZstd: return Zstd(bytes, out, at);
  }
  return false;
}

}  // namespace

std::optional<Codec> CodecOf(std::string_view name) {
  for (const auto& [known, codec] : kNames) {
    if (known == name) return codec;
  }
  return std::nullopt;
}

bool Compress(Codec codec, std::string_view bytes, std::string& out) {
  const size_t at = out.size();
  if (CompressAt(codec, bytes, out, at)) return true;
  out.resize(at);
  return false;
}

}  // namespace ei::kafka::wire
