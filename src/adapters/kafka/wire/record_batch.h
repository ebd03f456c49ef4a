#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "adapters/kafka/wire/codec.h"

namespace ei::kafka::wire {

struct RecordHeader {
  std::string_view key;
  std::string_view value;
};

// A record in a batch. The views are into the batch.
struct RecordView {
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  std::string_view headers;  // encoded, with their number
  std::string_view tail;     // key, value and headers, encoded

  // Returns the value of the first header with this name; empty: there is none.
  std::string_view Header(std::string_view name) const;
};

// Identifies a batch: brokers recognize a repeated batch by it (KIP-98).
struct ProducerStamp {
  int64_t producer_id = -1;
  int16_t epoch = -1;
  int32_t base_sequence = -1;
};

// Returns the sequence number that is `records` later: 0 follows 2,147,483,647.
constexpr int32_t SequenceAfter(int32_t sequence, uint32_t records) {
  return static_cast<int32_t>((static_cast<uint32_t>(sequence) + records) & 0x7fffffffu);
}

// Compares by distance, because sequence numbers wrap.
constexpr bool IsSequenceAbove(int32_t sequence, int32_t other) {
  return ((static_cast<uint32_t>(sequence) - static_cast<uint32_t>(other) - 1) & 0x7fffffffu) < 0x3fffffffu;
}

// A record batch of format 2 (https://kafka.apache.org/documentation/#recordbatch), written record by record
// into one string. Appended records are final; Seal writes the header in front of them and may be called
// repeatedly. All records have the batch's timestamp. Not thread-safe.
class RecordBatch {
 public:
  static constexpr size_t kHeaderBytes = 61;
  static constexpr size_t kRecordOverheadMax = 12;  // bytes of a record besides its tail

  // `timestamp_ms`: since 1970; applies to all records.
  explicit RecordBatch(int64_t timestamp_ms) : timestamp_ms_(timestamp_ms), bytes_(kHeaderBytes, '\0') {}

  // Upper bound of the bytes that Append adds.
  static size_t BytesOf(std::optional<std::string_view> key, std::string_view value,
                        std::span<const RecordHeader> headers);

  void Append(std::optional<std::string_view> key, std::string_view value,
              std::span<const RecordHeader> headers);
  // Appends a record of another batch.
  void Append(const RecordView& record);

  uint32_t Count() const { return count_; }
  size_t Bytes() const { return bytes_.size(); }
  // Limits the memory of the batch, except for a single record that is larger.
  void BoundGrowth(size_t bytes_max) { bytes_max_ = bytes_max; }
  int64_t TimestampMs() const { return timestamp_ms_; }
  // Takes effect at the next Seal.
  void SetTimestampMs(int64_t timestamp_ms) { timestamp_ms_ = timestamp_ms; }

  // Takes effect at the next Seal, which compresses the records once.
  void UseCodec(Codec codec) { codec_ = codec; }
  Codec UsedCodec() const { return codec_; }

  // Writes the header and returns the bytes to send. At least one record is required. The view is valid until
  // the next call of a non-const function.
  std::string_view Seal(const ProducerStamp& stamp);

  // Calls visit(number, record) for each record.
  template <typename Visitor>
  void Visit(Visitor visit) const {
    std::string_view rest = std::string_view(bytes_).substr(kHeaderBytes);
    for (uint32_t number = 0; number < count_; ++number) visit(number, TakeRecord(rest));
  }

 private:
  template <typename PutTail>
  void AppendRecord(size_t tail_bytes, PutTail put_tail);
  static RecordView TakeRecord(std::string_view& rest);

  int64_t timestamp_ms_;
  uint32_t count_ = 0;
  size_t bytes_max_ = std::numeric_limits<size_t>::max();
  std::string bytes_;
  Codec codec_ = Codec::kNone;
  std::string compressed_;  // header and compressed records; empty: not compressed
};

}  // namespace ei::kafka::wire
