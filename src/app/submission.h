#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "app/receipts.h"
#include "app/topic_limits.h"
#include "base/sip_hash.h"
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

// An event of Submission::batch whose id the client sent.
struct NamedEvent {
  uint32_t event;
  base::Hash128 id;          // of client, source and id
  uint64_t fingerprint = 0;  // of its bytes, as the client wrote them
};

// An event of Submission::batch that was accepted before, or stands twice in it: it is acknowledged and not
// stored again.
struct Repeat {
  static constexpr uint32_t kDelivered = std::numeric_limits<uint32_t>::max();

  uint32_t event;
  uint32_t fate;  // at level broker: its number in Receipt::Fates(); kDelivered: it was, and has none
};

// What one request becomes on its way through Ingest; reused for the next one. One a thread.
struct Submission {
  explicit Submission(uint64_t seed) : ids(seed) {}

  Receipt* receipt = nullptr;  // the caller's; may be entered when a request is accepted at the level kBroker
  domain::EventBatch batch;    // the valid events, in their order
  std::vector<Rejection> rejections;
  std::vector<Repeat> repeats;  // ascending; only with an idempotency window
  uint64_t id_conflicts = 0;    // events that share an id with another one and are none of its repeats

  domain::UuidV7Generator ids;

  // The window's: what it has to judge, what goes into the journal where there are repeats, and the positions
  // of earlier events whose fates the receipt awaits behind those of its own.
  std::vector<NamedEvent> named;
  domain::EventBatch fresh;
  std::vector<uint64_t> awaited;
};

}  // namespace ei::app
