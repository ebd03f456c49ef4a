#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "base/token_bucket.h"
#include "clients/client_shares.h"
#include "delivery/event_sink.h"
#include "delivery/topic_limits.h"
#include "event/ack_level.h"
#include "event/event_batch.h"
#include "event/telemetry.h"
#include "ingest/ingest_context.h"
#include "journal/drain_rate.h"
#include "journal/idempotency_window.h"
#include "journal/journal.h"

namespace ei {

enum class IngestStatus : uint8_t {
  kAccepted,     // every valid event (IngestContext::batch) is in the journal, or was before (its repeats)
  kAllRejected,  // no event was accepted; IngestContext::rejections says why
  kRateLimited,
  kJournalFull,
  kOverShare,      // there is room in the journal, but not for this client
  kBatchTooLarge,  // more valid events than the journal can ever hold at once
  kKeyTooLarge,    // the key of the request, once for each event that takes it, is beyond body_bytes_max
  kShuttingDown,
  kStorageFailed,   // the journal's storage failed; the process is about to end
  kAckUnavailable,  // a level was asked for that this service can't promise
};

struct IngestResult {
  IngestStatus status;
  std::chrono::seconds retry_after{0};  // for kRateLimited, kJournalFull, kOverShare, kShuttingDown
  bool over_share = false;              // refused because the client has more than its part (ClientShares)

  // For kAccepted of Accept: what the client is promised. The reply has to wait for it while
  // IngestContext::waiter waits.
  AckLevel ack = AckLevel::kMemory;
};

enum class Handling : uint8_t { kLenient, kStrict };  // RFC 7240: strict is all or nothing

// The way in: validate, admit, append. Thread-safe, with one IngestContext a thread.
class Ingest {
 public:
  struct Options {
    EventLimits limits;
    AckLevel ack = AckLevel::kMemory;      // where the client asks for none
    AckLevel ack_min = AckLevel::kMemory;  // what asks for less gets this
    bool has_wal = false;                  // the journal's DurableEnd() moves
    uint64_t body_bytes_max = UINT64_MAX;  // X-Event-Key counts once for each event
  };

  // `window`: the one that the journal has; null: no event is taken for a repeat. `sink` null: no partition
  // is ever held to be stalled. `shares` null: clients are not told apart. `log` null: nothing is logged.
  Ingest(const Options& options, TokenBucket& bucket, Journal& journal, const DrainRate& drain_rate,
         const TopicLimits& topic_limits, const Clock& clock, Telemetry& telemetry,
         const IdempotencyWindow* window = nullptr, const EventSink* sink = nullptr,
         ClientShares* shares = nullptr, Log* log = nullptr)
      : options_(options),
        bucket_(bucket),
        journal_(journal),
        drain_rate_(drain_rate),
        topic_limits_(topic_limits),
        clock_(clock),
        telemetry_(telemetry),
        window_(window),
        sink_(sink),
        shares_(shares),
        log_(log) {}

  // The level for a request that asks for `wish`, as far as its header tells, and with its events: their
  // routes may ask for more.
  AckLevel LevelFor(std::optional<AckLevel> wish) const {
    return std::max(wish.value_or(options_.ack), options_.ack_min);
  }
  AckLevel LevelFor(std::optional<AckLevel> wish, std::span<const DecodedEvent> events) const {
    AckLevel level = LevelFor(wish);
    for (const DecodedEvent& event : events) level = std::max(level, event.route->ack_min);
    return level;
  }

  // Whether a request with a body of `body_bytes` (0: not known) is worth reading: refuses what would be
  // refused whatever its body says. `now` may lag a little.
  IngestResult Admit(AckLevel ack, ClientNumber client, uint64_t body_bytes, base::SteadyTime now) const;

  // The same question for the rate alone, before the body is decoded: it may have come long after its header.
  IngestResult AdmitBody(ClientNumber client) const { return AdmitByRate(client, clock_.Now()); }

  // Judges the events of one request that was admitted at this level, and accepts the valid ones, all
  // together or none.
  IngestResult Accept(std::span<const DecodedEvent> events, const RequestMetadata& metadata,
                      Handling handling, AckLevel ack, IngestContext& context);

  // For a document that can't be read, after so many events: it takes their tokens, as it cost as much.
  // kAllRejected, or kRateLimited.
  IngestResult RejectDocument(ClientNumber client, uint64_t events);

  // From now on everything is refused with kShuttingDown.
  void Close() { closing_.store(true, std::memory_order_release); }

  const EventLimits& Limits() const { return options_.limits; }
  const TokenBucket& Bucket() const { return bucket_; }

 private:
  void Judge(std::span<const DecodedEvent> events, const RequestMetadata& metadata, IngestContext& context);
  bool KeyFits(std::span<const DecodedEvent> events, const RequestMetadata& metadata) const;
  IngestResult AdmitByRate(ClientNumber client, base::SteadyTime now) const;
  std::optional<IngestResult> RefusedByRate(ClientNumber client, uint64_t events, base::SteadyTime now);
  bool IsStalled(const EventBatch& batch) const;
  void Reject(const DecodedEvent& event, EventFault fault, const TopicLimit& limit, IngestContext& context);
  void LogIdConflicts(uint64_t events);
  IngestResult Refuse(IngestStatus status, uint64_t events, base::Duration retry_after = {});
  IngestResult RefuseOverShare(uint64_t events, uint64_t bytes);
  TokenBucket::Decision TakeTokens(ClientNumber client, uint64_t events, base::SteadyTime now);
  // Of the bucket's tokens, those that the client may not take.
  double TokensKept(ClientNumber client, uint64_t events, base::SteadyTime now) const;
  bool MayHold(ClientNumber client, uint64_t events, uint64_t bytes) const;

  const Options options_;
  TokenBucket& bucket_;
  Journal& journal_;
  const DrainRate& drain_rate_;
  const TopicLimits& topic_limits_;
  const Clock& clock_;
  Telemetry& telemetry_;
  const IdempotencyWindow* const window_;  // the journal's
  const EventSink* const sink_;
  ClientShares* const shares_;
  Log* const log_;
  std::atomic<bool> closing_{false};
};

// For the valid events of a batch that strict handling refuses for the sake of the others.
inline constexpr std::string_view kBatchNotValid = "batch_not_valid";

// The stable code of a refusal, as in "journal_full"; empty for kAccepted and kAllRejected.
std::string_view Code(IngestStatus status);

}  // namespace ei
