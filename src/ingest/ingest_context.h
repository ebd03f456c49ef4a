#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "delivery/topic_limits.h"
#include "event/event_batch.h"
#include "event/uuid_v7.h"
#include "journal/idempotency_window.h"
#include "journal/waiter.h"

namespace ei {

// An event that was not accepted, and the reason. The views live as long as the request.
struct Rejection {
  uint32_t index;
  uint32_t line;
  uint64_t offset;
  EventFault fault;
  std::string_view raw_id;      // as JSON text without quotes; empty if the event has none
  TopicLimit topic_limit = {};  // for kTooLargeForTopic: the limit that is exceeded
};

// The results of Ingest for one request. Each thread has one, which it reuses for its next request.
struct IngestContext {
  explicit IngestContext(uint64_t seed) : ids(seed) {}

  // Owned by the caller. It begins to wait when a request is accepted at the level wal or broker, if there is
  // anything to wait for. May be null if all requests have the level memory.
  Waiter* waiter = nullptr;
  EventBatch batch;  // the valid events, in the order of the request
  std::vector<Rejection> rejections;
  Deduplication dedup;  // of the batch; empty without an idempotency window

  UuidV7Generator ids;
};

}  // namespace ei
