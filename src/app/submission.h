#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "app/idempotency_window.h"
#include "app/topic_limits.h"
#include "app/waiter.h"
#include "domain/event_batch.h"
#include "domain/uuid_v7.h"

namespace ei::app {

// One event that was not accepted, and why. The views live as long as the request.
struct Rejection {
  uint32_t index;
  uint32_t line;
  uint64_t offset;
  domain::EventFault fault;
  std::string_view raw_id;      // as JSON text without quotes; empty when there is none
  TopicLimit topic_limit = {};  // kTooLargeForTopic: the one that it breaks
};

// What one request becomes on its way through Ingest; reused for the next one. One a thread.
struct Submission {
  explicit Submission(uint64_t seed) : ids(seed) {}

  // The caller's; waits from when a request is accepted at the level wal or broker, if there is anything to
  // wait for. Null: only the level memory is asked for.
  Waiter* waiter = nullptr;
  domain::EventBatch batch;  // the valid events, in their order
  std::vector<Rejection> rejections;
  Deduplication dedup;  // of the batch; empty without an idempotency window

  domain::UuidV7Generator ids;
};

}  // namespace ei::app
