#include "delivery/topic_limits.h"

#include <algorithm>
#include <bit>

#include "delivery/dead_letter_headers.h"

namespace ei {

namespace {

// The sizes of a record batch's header, and of the fixed part of its first record: attributes, timestamp and
// offset deltas of 0 (Kafka's message format 2, https://kafka.apache.org/documentation/#messageformat).
constexpr uint64_t kBatchHeader = 61;
constexpr uint64_t kRecordHeader = 3;

// An upper bound of what the fixed parts, the lengths and the names of headers add to the bytes of an event.
constexpr uint64_t kOverheadMax = 256;

uint64_t VarintBytes(uint64_t length) {
  const uint64_t zigzag = length << 1;
  return std::max<uint64_t>(1, (static_cast<uint64_t>(std::bit_width(zigzag)) + 6) / 7);
}

uint64_t WithLength(uint64_t length) { return VarintBytes(length) + length; }

}  // namespace

uint64_t RecordBatchBytes(const EventBatch& batch, const EventSlices& event) {
  const std::string_view bytes = std::string_view(batch.Bytes()).substr(event.offset, event.size);
  const Headers headers = ContextHeaders(ReadContext(bytes.substr(event.size - event.context_size)));
  uint64_t record = kRecordHeader + WithLength(event.value_size) + VarintBytes(headers.size());
  // The length of an absent key is -1, which takes one byte, as 0 does.
  record += event.key_offset == EventSlices::kNoKey ? 1 : WithLength(event.key_size);
  for (const auto& [name, value] : headers) record += WithLength(name.size()) + WithLength(value.size());
  return kBatchHeader + WithLength(record);
}

void TopicLimits::Learn(std::string_view topic, std::string_view name, std::optional<uint64_t> bytes_max) {
  const base::MutexLock lock(mutex_);
  auto entry = entries_.find(topic);
  if (entry == entries_.end()) entry = entries_.emplace(topic, Entry{std::string(name)}).first;
  entry->second.bytes_max = bytes_max.value_or(kNone);
  uint64_t least = kNone;
  for (const auto& [_, known] : entries_) least = std::min(least, known.bytes_max);
  least_.store(least, std::memory_order_relaxed);
}

std::optional<TopicLimit> TopicLimits::BrokenByLast(const EventBatch& batch) const {
  const EventSlices& event = batch.Events().back();
  const uint64_t most = uint64_t{event.value_size} + event.key_size + event.context_size + kOverheadMax;
  if (most <= least_.load(std::memory_order_relaxed)) return std::nullopt;
  const uint64_t bytes = RecordBatchBytes(batch, event);
  const base::MutexLock lock(mutex_);
  const auto entry = entries_.find(TopicOf(batch, event));
  if (entry == entries_.end() || bytes <= entry->second.bytes_max) return std::nullopt;
  return TopicLimit{entry->second.name, entry->second.bytes_max};
}

}  // namespace ei
