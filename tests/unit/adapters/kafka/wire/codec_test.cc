#include "adapters/kafka/wire/codec.h"

#include <gtest/gtest.h>
#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <string>

namespace ei::kafka::wire {
namespace {

std::string Text(size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += R"({"id":")" + std::to_string(text.size()) + R"(","type":"t"},)";
  return text;
}

std::string Decompress(Codec codec, const std::string& bytes, size_t size) {
  std::string out(size, '\0');
  switch (codec) {
    case Codec::kNone: return bytes;
    case Codec::kGzip: {
      z_stream stream{};
      EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
      stream.avail_in = static_cast<uInt>(bytes.size());
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
      inflateEnd(&stream);
      return out;
    }
    case Codec::kSnappy:
      EXPECT_TRUE(snappy::RawUncompress(bytes.data(), bytes.size(), out.data()));
      return out;
    case Codec::kLz4: {
      LZ4F_dctx* context = nullptr;
      EXPECT_EQ(LZ4F_createDecompressionContext(&context, LZ4F_VERSION), 0U);
      size_t written = out.size();
      size_t read = bytes.size();
      EXPECT_EQ(LZ4F_decompress(context, out.data(), &written, bytes.data(), &read, nullptr), 0U);
      EXPECT_EQ(written, out.size());
      LZ4F_freeDecompressionContext(context);
      return out;
    }
    case Codec::kZstd:
      EXPECT_EQ(ZSTD_decompress(out.data(), out.size(), bytes.data(), bytes.size()), size);
      return out;
  }
  return out;
}

class CodecTest : public ::testing::TestWithParam<const char*> {};

TEST_P(CodecTest, CompressedBytesAreReadByTheLibraryOfTheCodec) {
  const Codec codec = *CodecOf(GetParam());
  for (const size_t bytes : {1U, 100U, 70'000U, 3'000'000U}) {
    const std::string text = Text(bytes);
    std::string out = "before";
    ASSERT_TRUE(Compress(codec, text, out));
    ASSERT_TRUE(out.starts_with("before"));
    EXPECT_EQ(Decompress(codec, out.substr(6), text.size()), text);
    if (codec != Codec::kNone && bytes > 1'000) {
      EXPECT_LT(out.size(), text.size() / 3);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, CodecTest, testing::Values("none", "gzip", "snappy", "lz4", "zstd"),
                         [](const auto& each) { return std::string(each.param); });

TEST(Codec, HasNoOtherNames) {
  EXPECT_FALSE(CodecOf("ZSTD").has_value());
  EXPECT_FALSE(CodecOf("").has_value());
}

}  // namespace
}  // namespace ei::kafka::wire
