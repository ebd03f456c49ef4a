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

// A record as it stands in a batch. The views are into the batch.
struct RecordView {
  std::optional<std::string_view> key;
  std::optional<std::string_view> value;
  std::string_view headers;  // as they are encoded, with their number
  std::string_view tail;     // key, value and headers as they are encoded

  // Of the first header of this name; empty: there is none.
  std::string_view Header(std::string_view name) const;
};

// Who wrote a batch and which one it is: brokers know a batch again by it (KIP-98).
struct ProducerStamp {
  int64_t producer_id = -1;
  int16_t epoch = -1;
  int32_t base_sequence = -1;
};

// The sequence number `records` later: after 2,147,483,647 comes 0.
constexpr int32_t SequenceAfter(int32_t sequence, uint32_t records) {
  return static_cast<int32_t>((static_cast<uint32_t>(sequence) + records) & 0x7fffffffu);
}

// Sequence numbers wrap, so they are compared by their distance.
constexpr bool IsSequenceAbove(int32_t sequence, int32_t other) {
  return ((static_cast<uint32_t>(sequence) - static_cast<uint32_t>(other) - 1) & 0x7fffffffu) < 0x3fffffffu;
}

// A record batch of format 2 (https://kafka.apache.org/documentation/#recordbatch), written record by record
// into one run of bytes. Appended records are final; what stands in front of them is written by Seal, as
// often as wanted. All records have the batch's time. Not thread-safe.
class RecordBatch {
 public:
  static constexpr size_t kHeaderBytes = 61;
  static constexpr size_t kRecordOverheadMax = 12;  // of a record, beside its tail

  // `timestamp_ms`: since 1970, of all records.
  explicit RecordBatch(int64_t timestamp_ms) : timestamp_ms_(timestamp_ms), bytes_(kHeaderBytes, '\0') {}

  // At most what Append adds to the batch.
  static size_t BytesOf(std::optional<std::string_view> key, std::string_view value,
                        std::span<const RecordHeader> headers);

  void Append(std::optional<std::string_view> key, std::string_view value,
              std::span<const RecordHeader> headers);
  // As it stood in another batch.
  void Append(const RecordView& record);

  uint32_t Count() const { return count_; }
  size_t Bytes() const { return bytes_.size(); }
  // It takes no more memory than so much, but for one record that is larger.
  void BoundGrowth(size_t bytes_max) { bytes_max_ = bytes_max; }
  int64_t TimestampMs() const { return timestamp_ms_; }
  // For the next Seal.
  void SetTimestampMs(int64_t timestamp_ms) { timestamp_ms_ = timestamp_ms; }

  // For the next Seal, which compresses once what was appended before it.
  void UseCodec(Codec codec) { codec_ = codec; }
  Codec UsedCodec() const { return codec_; }

  // Makes the batch ready to be sent: at least one record is in it. The view is valid until the next call of
  // a function that isn't const.
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
  std::string compressed_;  // the header and the records, compressed; empty: as they are
};

}  // namespace ei::kafka::wire
