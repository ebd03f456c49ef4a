#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "event/client_identity.h"
#include "event/event.h"
#include "event/event_context.h"
#include "event/timestamp.h"
#include "event/topic_name.h"
#include "event/uuid_v7.h"

namespace ei {

// The number of a client in ClientShares; 0: the anonymous client.
using ClientNumber = uint16_t;

// The properties of a request that apply to all of its events and are not in its body. An empty view means
// that the request doesn't have the property.
struct RequestMetadata {
  EventContext context = {};
  std::string_view key = {};  // the value of the key header
};

// The location of one accepted event in the bytes of its batch. All offsets and sizes are in bytes.
struct EventSlices {
  static constexpr uint32_t kNoKey = std::numeric_limits<uint32_t>::max();

  uint32_t offset;      // the event's first byte; the offsets below are relative to it
  uint32_t size;        // all of the event's bytes
  uint32_t value_size;  // the JSON, from offset 0
  uint32_t key_offset;  // kNoKey: none
  uint32_t key_size;
  uint32_t topic_size;    // 0: the sink's default topic; the topic is directly before the context
  uint32_t context_size;  // 0: none; the context (EventContext) is at the end of the event
  uint32_t key_hash;      // Murmur2 of the key; 0 without a key
  uint32_t id_offset;     // the id as written in the JSON, without its quotes
  uint32_t id_size;
  uint32_t added_size;  // the part of the JSON that the service added, directly after the first byte
};

// The events of one request on their way through the pipeline: one contiguous buffer, and slices of it. A
// batch is reused for many requests, so that no memory is allocated in the steady state. Not thread-safe.
class EventBatch {
 public:
  // The most bytes that Add stores for an event besides its JSON and its key: an id, a timestamp, a topic and
  // a context.
  static constexpr size_t kAddedBytesMax =
      std::string_view(R"("id":"",)").size() + kUuidBytes + std::string_view(R"("timestamp":"",)").size() +
      std::tuple_size_v<TimestampText> + kTopicNameBytesMax + kContextBytesMax;

  void Clear(ClientNumber client = 0, ClientIdentity identity = kNoClient) {
    bytes_.clear();
    if (bytes_.capacity() > kBytesKept) bytes_.shrink_to_fit();
    events_.clear();
    client_bytes_ = 0;
    client_ = client;
    identity_ = identity;
  }
  bool Empty() const { return events_.empty(); }
  size_t Size() const { return events_.size(); }
  const std::string& Bytes() const { return bytes_; }
  // The size of the events' JSON as the client wrote it, in bytes; at most the size of the request's body.
  uint64_t ClientBytes() const { return client_bytes_; }
  const std::vector<EventSlices>& Events() const { return events_; }
  ClientNumber Client() const { return client_; }
  ClientIdentity Identity() const { return identity_; }

  // Appends a valid event with the key and the topic of its route. If the event has no id or no timestamp,
  // `generated_id` or `received_at` is inserted before the client's members. The rest of the JSON is copied
  // byte for byte.
  void Add(const DecodedEvent& event, std::string_view generated_id, std::string_view received_at,
           const RequestMetadata& metadata);

  // Undoes the last Add, which must have been of `event`.
  void UndoAdd(const DecodedEvent& event);

  // Replaces the contents by the events of `all` except those at the indexes `left_out`, which are in
  // ascending order. ClientBytes() remains that of `all`.
  void AssignWithout(const EventBatch& all, std::span<const uint32_t> left_out);

  // The id of event `i` as it is written in the JSON, without its quotes.
  std::string_view RawId(size_t i) const {
    return std::string_view(bytes_).substr(events_[i].offset + events_[i].id_offset, events_[i].id_size);
  }

 private:
  // Returns the key of the event's record, or nullopt if it has none. Add calls it only for a key that it
  // can't refer to in the JSON.
  static std::optional<std::string_view> KeyOf(const DecodedEvent& event, const RequestMetadata& metadata);

  static constexpr size_t kBytesKept = 4 << 20;  // Clear releases the memory of a larger buffer

  std::string bytes_;
  uint64_t client_bytes_ = 0;
  ClientNumber client_ = 0;
  ClientIdentity identity_ = kNoClient;
  std::vector<EventSlices> events_;
};

// Returns the topic of the event, as a view into the batch; empty: the sink's default topic.
inline std::string_view TopicOf(const EventBatch& batch, const EventSlices& event) {
  const size_t end = size_t{event.offset} + event.size - event.context_size;
  return std::string_view(batch.Bytes()).substr(end - event.topic_size, event.topic_size);
}

}  // namespace ei
