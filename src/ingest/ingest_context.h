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

// One event that was not accepted, and why. The views live as long as the request.
struct Rejection {
  uint32_t index;
  uint32_t line;
  uint64_t offset;
  EventFault fault;
  std::string_view raw_id;      // as JSON text without quotes; empty when there is none
  TopicLimit topic_limit = {};  // kTooLargeForTopic: the one that it breaks
};

// What one request becomes on its way through Ingest; reused for the next one. One a thread.
struct IngestContext {
  explicit IngestContext(uint64_t seed) : ids(seed) {}

  // The caller's; waits from when a request is accepted at the level wal or broker, if there is anything to
  // wait for. Null: only the level memory is asked for.
  Waiter* waiter = nullptr;
  EventBatch batch;  // the valid events, in their order
  std::vector<Rejection> rejections;
  Deduplication dedup;  // of the batch; empty without an idempotency window

  UuidV7Generator ids;
};

}  // namespace ei
