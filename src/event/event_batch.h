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

namespace ei {

// A client by its number in ClientShares; 0: nobody.
using ClientNumber = uint16_t;

// What a request brings for all of its events, beside its body; empty: it has none.
struct RequestMetadata {
  std::string_view traceparent = {};  // as in W3C Trace Context
  std::string_view key = {};          // the key header's
  ClientNumber client = 0;
  ClientIdentity identity = kNoClient;
};

// Where one accepted event lies within its batch's bytes. All offsets and sizes in bytes.
struct EventSlices {
  static constexpr uint32_t kNoKey = std::numeric_limits<uint32_t>::max();

  uint32_t offset;      // the event's first byte; the offsets below count from here
  uint32_t size;        // all of the event's bytes
  uint32_t value_size;  // the JSON, from offset 0
  uint32_t key_offset;  // kNoKey: none
  uint32_t key_size;
  uint32_t topic_size;  // 0: the sink's own; the topic stands before the traceparent
  uint32_t trace_size;  // 0: none; the traceparent stands at the event's end
  uint32_t key_hash;    // Murmur2 of the key; without a key, 0
  uint32_t id_offset;   // the id as it stands in the JSON, between its quotes
  uint32_t id_size;
  uint32_t added_size;  // of the JSON, what the client didn't write: it stands right behind the first byte
};

// The events of one request as they go through the pipeline: one contiguous run of bytes, and slices. Reused
// from request to request, so that a steady state allocates nothing. Not thread-safe.
class EventBatch {
 public:
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
  // Of the events as the client wrote them: never more than its request's body.
  uint64_t ClientBytes() const { return client_bytes_; }
  const std::vector<EventSlices>& Events() const { return events_; }
  ClientNumber Client() const { return client_; }
  ClientIdentity Identity() const { return identity_; }

  // Appends a valid event with the key and the topic that its route asks for. `generated_id` and
  // `received_at` are written in front of the client's own members where the event has no id or no timestamp;
  // all else is copied byte for byte.
  void Add(const DecodedEvent& event, std::string_view generated_id, std::string_view received_at,
           const RequestMetadata& metadata);

  // Undoes the last Add, which was of this event.
  void TakeBack(const DecodedEvent& event);

  // The events of another batch but for some, named by their numbers there in rising order.
  void AssignWithout(const EventBatch& all, std::span<const uint32_t> left_out);

  // The id of event `i` as JSON text without its quotes.
  std::string_view RawId(size_t i) const {
    return std::string_view(bytes_).substr(events_[i].offset + events_[i].id_offset, events_[i].id_size);
  }

 private:
  // What the event's record key is when it doesn't stand in the value as it is; nullopt: it has none.
  static std::optional<std::string_view> KeyOf(const DecodedEvent& event, const RequestMetadata& metadata);

  static constexpr size_t kBytesKept = 4 << 20;  // the memory of a larger batch is given back

  std::string bytes_;
  uint64_t client_bytes_ = 0;
  ClientNumber client_ = 0;
  ClientIdentity identity_ = kNoClient;
  std::vector<EventSlices> events_;
};

// Where the event goes; empty is the sink's own topic. A view into the batch.
inline std::string_view TopicOf(const EventBatch& batch, const EventSlices& event) {
  const size_t end = size_t{event.offset} + event.size - event.trace_size;
  return std::string_view(batch.Bytes()).substr(end - event.topic_size, event.topic_size);
}

}  // namespace ei
