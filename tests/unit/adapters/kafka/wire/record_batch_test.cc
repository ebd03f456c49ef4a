#include "adapters/kafka/wire/record_batch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "adapters/kafka/wire/encoder.h"
#include "base/crc32c.h"

namespace ei::kafka::wire {
namespace {

template <typename Number>
Number At(std::string_view bytes, size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return BigEndian(number);
}

// Byte by byte as in https://kafka.apache.org/documentation/#recordbatch.
TEST(RecordBatch, IsWrittenAsDocumented) {
  RecordBatch batch(1'700'000'000'123);
  batch.Append("k", "value", std::vector<RecordHeader>{{"h", "x"}});
  batch.Append(std::nullopt, "", {});
  const std::string sealed(batch.Seal({1234, 5, 67}));
  EXPECT_EQ(At<int64_t>(sealed, 0), 0);
  EXPECT_EQ(At<int32_t>(sealed, 8), static_cast<int32_t>(sealed.size() - 12));
  EXPECT_EQ(At<int8_t>(sealed, 16), 2);
  EXPECT_EQ(At<uint32_t>(sealed, 17), base::Crc32c(std::string_view(sealed).substr(21)));
  EXPECT_EQ(At<int16_t>(sealed, 21), 0);
  EXPECT_EQ(At<int32_t>(sealed, 23), 1);
  EXPECT_EQ(At<int64_t>(sealed, 27), 1'700'000'000'123);
  EXPECT_EQ(At<int64_t>(sealed, 35), 1'700'000'000'123);
  EXPECT_EQ(At<int64_t>(sealed, 43), 1234);
  EXPECT_EQ(At<int16_t>(sealed, 51), 5);
  EXPECT_EQ(At<int32_t>(sealed, 53), 67);
  EXPECT_EQ(At<int32_t>(sealed, 57), 2);
  const std::string records(
      "\x20\0\0\0\x02k\x0avalue\x02\x02h\x02x"  // 16 bytes: attributes, time, offset, key, value, a header
      "\x0c\0\0\x02\x01\0\0",                   // no key, an empty value, no header
      17 + 7);
  EXPECT_EQ(sealed.substr(61), records);
}

TEST(RecordBatch, RecordsAreTheSameInAnotherBatch) {
  RecordBatch batch(1);
  batch.Append("a", "1", std::vector<RecordHeader>{{"h", ""}});
  batch.Append(std::nullopt, std::string(300, 'x'), {});
  RecordBatch other(1);
  batch.Visit([&](uint32_t, const RecordView& record) { other.Append(record); });
  EXPECT_EQ(batch.Seal({1, 0, 0}), other.Seal({1, 0, 0}));
}

TEST(RecordBatch, ARecordAddsNoMoreThanItsBound) {
  const std::vector<RecordHeader> headers{{"h", "x"}, {"", ""}};
  for (const size_t size : {0U, 1U, 63U, 64U, 8'191U, 8'192U, 100'000U}) {
    for (const std::optional<std::string_view> key : {std::optional<std::string_view>(), {"key"}}) {
      const std::string value(size, 'v');
      const size_t bound = RecordBatch::BytesOf(key, value, headers);
      RecordBatch batch(1);
      batch.Append(key, value, headers);
      std::string_view tail;
      batch.Visit([&](uint32_t, const RecordView& record) { tail = record.tail; });
      EXPECT_EQ(bound, tail.size() + RecordBatch::kRecordOverheadMax);
      EXPECT_LE(batch.Bytes() - RecordBatch::kHeaderBytes, bound);
      EXPECT_EQ(batch.Count(), 1U);
    }
  }
}

TEST(RecordBatch, ARecordHasTheHeadersThatItWasGiven) {
  RecordBatch batch(1);
  batch.Append("k", "v", std::vector<RecordHeader>{{"a", "1"}, {"b", ""}, {"a", "2"}});
  batch.Append(std::nullopt, "", {});
  batch.Visit([](uint32_t number, const RecordView& record) {
    EXPECT_EQ(record.key, number == 0 ? std::optional<std::string_view>("k") : std::nullopt);
    EXPECT_EQ(record.value, number == 0 ? "v" : "");
    EXPECT_EQ(record.Header("a"), number == 0 ? "1" : "");
    EXPECT_EQ(record.Header("b"), "");
    EXPECT_EQ(record.Header("c"), "");
  });
}

TEST(RecordBatch, NumbersAreComparedByTheirDistance) {
  EXPECT_TRUE(IsSequenceAbove(1, 0));
  EXPECT_FALSE(IsSequenceAbove(0, 0));
  EXPECT_FALSE(IsSequenceAbove(0, 1));
  EXPECT_TRUE(IsSequenceAbove(3, 2'147'483'640)) << "they wrap";
  EXPECT_FALSE(IsSequenceAbove(2'147'483'640, 3));
}

TEST(RecordBatch, NumbersWrap) {
  EXPECT_EQ(SequenceAfter(2'147'483'647, 1), 0);
  EXPECT_EQ(SequenceAfter(2'147'483'640, 12), 4);
}

TEST(RecordBatch, IsCompressedWhenThatMakesItSmaller) {
  RecordBatch large(1);
  for (int i = 0; i < 100; ++i) large.Append("key", std::string(100, 'v'), {});
  large.UseCodec(Codec::kZstd);
  const std::string_view sealed = large.Seal({1, 0, 0});
  EXPECT_LT(sealed.size(), large.Bytes() / 10);
  EXPECT_EQ(At<int16_t>(sealed, 21), 4);
  EXPECT_EQ(At<uint32_t>(sealed, 17), base::Crc32c(sealed.substr(21)));
  // A second Seal changes the stamp and keeps the records.
  const std::string first(sealed.substr(61));
  EXPECT_EQ(large.Seal({2, 0, 0}).substr(61), first);

  RecordBatch small(1);
  small.Append(std::nullopt, "v", {});
  small.UseCodec(Codec::kZstd);
  EXPECT_EQ(At<int16_t>(small.Seal({1, 0, 0}), 21), 0);
}

}  // namespace
}  // namespace ei::kafka::wire
