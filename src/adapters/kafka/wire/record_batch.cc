#include "adapters/kafka/wire/record_batch.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "adapters/kafka/wire/encoder.h"
#include "base/crc32c.h"

namespace ei::kafka::wire {

namespace {

// Offsets of the fields of a batch's header.
constexpr size_t kLengthAt = 8;
constexpr size_t kLeaderEpochAt = 12;
constexpr size_t kMagicAt = 16;
constexpr size_t kCrcAt = 17;
constexpr size_t kAttributesAt = 21;  // the checksum covers everything from here on
constexpr size_t kLastOffsetDeltaAt = 23;
constexpr size_t kBaseTimestampAt = 27;
constexpr size_t kMaxTimestampAt = 35;
constexpr size_t kProducerIdAt = 43;
constexpr size_t kProducerEpochAt = 51;
constexpr size_t kBaseSequenceAt = 53;
constexpr size_t kCountAt = 57;

// Zigzag, as all varints of records are.
constexpr uint64_t Zigzag(int64_t number) {
  return (static_cast<uint64_t>(number) << 1) ^ static_cast<uint64_t>(number >> 63);
}

constexpr size_t VarintBytes(int64_t number) {
  size_t bytes = 1;
  for (uint64_t left = Zigzag(number) >> 7; left > 0; left >>= 7) ++bytes;
  return bytes;
}

char* PutVarint(char* to, int64_t number) {
  uint64_t left = Zigzag(number);
  for (; left >= 0x80; left >>= 7) *to++ = static_cast<char>(left | 0x80);
  *to++ = static_cast<char>(left);
  return to;
}

size_t SizedBytes(std::optional<std::string_view> bytes) {
  if (!bytes) return VarintBytes(-1);
  return VarintBytes(static_cast<int64_t>(bytes->size())) + bytes->size();
}

char* PutSized(char* to, std::optional<std::string_view> bytes) {
  if (!bytes) return PutVarint(to, -1);
  to = PutVarint(to, static_cast<int64_t>(bytes->size()));
  if (!bytes->empty()) std::memcpy(to, bytes->data(), bytes->size());
  return to + bytes->size();
}

size_t TailBytes(std::optional<std::string_view> key, std::string_view value,
                 std::span<const RecordHeader> headers) {
  size_t bytes = SizedBytes(key) + SizedBytes(value) + VarintBytes(static_cast<int64_t>(headers.size()));
  for (const RecordHeader& header : headers) bytes += SizedBytes(header.key) + SizedBytes(header.value);
  return bytes;
}

// Reads a number that PutVarint wrote.
int64_t TakeVarint(std::string_view& rest) {
  uint64_t number = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(rest.front());
    rest.remove_prefix(1);
    number |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return static_cast<int64_t>(number >> 1) ^ -static_cast<int64_t>(number & 1);
}

std::optional<std::string_view> TakeSized(std::string_view& rest) {
  const int64_t size = TakeVarint(rest);
  if (size < 0) return std::nullopt;
  const std::string_view bytes = rest.substr(0, static_cast<size_t>(size));
  rest.remove_prefix(bytes.size());
  return bytes;
}

}  // namespace

size_t RecordBatch::BytesOf(std::optional<std::string_view> key, std::string_view value,
                            std::span<const RecordHeader> headers) {
  return TailBytes(key, value, headers) + kRecordOverheadMax;
}

void RecordBatch::Append(std::optional<std::string_view> key, std::string_view value,
                         std::span<const RecordHeader> headers) {
  AppendRecord(TailBytes(key, value, headers), [&](char* to) {
    to = PutSized(to, key);
    to = PutSized(to, value);
    to = PutVarint(to, static_cast<int64_t>(headers.size()));
    for (const RecordHeader& header : headers) to = PutSized(PutSized(to, header.key), header.value);
  });
}

void RecordBatch::Append(const RecordView& record) {
  AppendRecord(record.tail.size(),
               [&](char* to) { std::memcpy(to, record.tail.data(), record.tail.size()); });
}

// Writes the record's length, attributes, timestamp and offset (the last two relative to the batch), and then
// its tail.
template <typename PutTail>
void RecordBatch::AppendRecord(size_t tail_bytes, PutTail put_tail) {
  const size_t offset_bytes = VarintBytes(count_);
  const auto length = static_cast<int64_t>(2 + offset_bytes + tail_bytes);
  const size_t start = bytes_.size();
  const size_t end = start + VarintBytes(length) + static_cast<size_t>(length);
  if (end > bytes_.capacity()) bytes_.reserve(std::max(end, std::min(2 * bytes_.capacity(), bytes_max_)));
  bytes_.resize_and_overwrite(end, [&](char* bytes, size_t size) {
    char* to = PutVarint(bytes + start, length);
    *to++ = '\0';
    *to++ = '\0';
    put_tail(PutVarint(to, count_));
    return size;
  });
  ++count_;
}

std::string_view RecordBatch::Seal(const ProducerStamp& stamp) {
  assert(count_ > 0);
  if (codec_ != Codec::kNone && compressed_.empty()) {
    compressed_.assign(kHeaderBytes, '\0');
    const std::string_view records = std::string_view(bytes_).substr(kHeaderBytes);
    // Records that don't get smaller are sent uncompressed.
    if (!Compress(codec_, records, compressed_) || compressed_.size() >= bytes_.size()) {
      compressed_.clear();
      codec_ = Codec::kNone;
    }
  }
  std::string& bytes = codec_ == Codec::kNone ? bytes_ : compressed_;
  char* const header = bytes.data();
  PutBigEndian(header, int64_t{0});  // the base offset, which the broker writes
  PutBigEndian(header + kLengthAt, static_cast<int32_t>(bytes.size() - kLeaderEpochAt));
  PutBigEndian(header + kLeaderEpochAt, int32_t{-1});
  PutBigEndian(header + kMagicAt, int8_t{2});
  PutBigEndian(header + kAttributesAt, static_cast<int16_t>(codec_));
  PutBigEndian(header + kLastOffsetDeltaAt, static_cast<int32_t>(count_ - 1));
  PutBigEndian(header + kBaseTimestampAt, timestamp_ms_);
  PutBigEndian(header + kMaxTimestampAt, timestamp_ms_);
  PutBigEndian(header + kProducerIdAt, stamp.producer_id);
  PutBigEndian(header + kProducerEpochAt, stamp.epoch);
  PutBigEndian(header + kBaseSequenceAt, stamp.base_sequence);
  PutBigEndian(header + kCountAt, static_cast<int32_t>(count_));
  PutBigEndian(header + kCrcAt, base::Crc32c(std::string_view(bytes).substr(kAttributesAt)));
  return bytes;
}

RecordView RecordBatch::TakeRecord(std::string_view& rest) {
  const auto size = static_cast<size_t>(TakeVarint(rest));
  std::string_view record = rest.substr(0, size);
  rest.remove_prefix(size);
  record.remove_prefix(2);  // attributes, time
  TakeVarint(record);       // offset
  RecordView view;
  view.tail = record;
  view.key = TakeSized(record);
  view.value = TakeSized(record);
  view.headers = record;
  return view;
}

std::string_view RecordView::Header(std::string_view name) const {
  std::string_view rest = headers;
  for (int64_t count = TakeVarint(rest); count > 0; --count) {
    const auto header_name = TakeSized(rest);
    const auto header_value = TakeSized(rest);
    if (header_name == name) return header_value.value_or("");
  }
  return {};
}

}  // namespace ei::kafka::wire
