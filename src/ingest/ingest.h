#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "base/token_bucket.h"
#include "clients/client_shares.h"
#include "clients/sender.h"
#include "delivery/event_sink.h"
#include "delivery/topic_limits.h"
#include "event/ack_level.h"
#include "event/event_batch.h"
#include "event/telemetry.h"
#include "ingest/ingest_context.h"
#include "ingest/problems.h"
#include "journal/drain_rate.h"
#include "journal/idempotency_window.h"
#include "journal/journal.h"

namespace ei {

struct IngestResult {
  IngestStatus status;
  std::chrono::seconds retry_after{0};  // for kRateLimited, kJournalFull, kOverShare, kShuttingDown
  bool over_share = false;              // rejected because the client is over its share (ClientShares)
  // For kRateLimited: the client's own rate is exceeded, not that of all clients together.
  bool over_own_rate = false;
  double own_tokens_left = 0;  // for kAccepted of a client with a rate of its own

  // For kAccepted of Accept: the level that the client is promised. The reply has to wait as long as
  // IngestContext::waiter waits.
  AckLevel ack = AckLevel::kMemory;
};

enum class Handling : uint8_t { kLenient, kStrict };  // RFC 7240: strict is all or nothing

// Validates the events of requests, admits them, and appends them to the journal. Thread-safe if each thread
// uses its own IngestContext.
class Ingest {
 public:
  struct Options {
    EventLimits limits;
    AckLevel ack = AckLevel::kMemory;      // for requests that ask for no level
    AckLevel ack_min = AckLevel::kMemory;  // lower levels are raised to this
    bool has_wal = false;                  // the journal is durable: its DurableEnd() moves
    std::string default_topic = {};        // that of events whose route names none
    uint64_t body_bytes_max = UINT64_MAX;  // X-Event-Key counts for each event that uses it
  };

  // `window`: that of the journal; null: repeats are not detected. `sink` null: no partition counts as
  // stalled. `shares` null: clients are not distinguished. `log` null: nothing is logged.
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

  // Returns the level for a request that asks for `requested`: the first overload before its events are
  // known, the second with its events, whose routes may require a higher level.
  AckLevel LevelFor(std::optional<AckLevel> requested) const {
    return std::max(requested.value_or(options_.ack), options_.ack_min);
  }
  AckLevel LevelFor(std::optional<AckLevel> requested, std::span<const DecodedEvent> events) const {
    AckLevel level = LevelFor(requested);
    for (const DecodedEvent& event : events) level = std::max(level, event.route->ack_min);
    return level;
  }

  // Checks, before the body is read, whether a request with a body of `body_bytes` (0: unknown) would be
  // rejected independently of the body's contents. Takes no tokens, but records the client as a sender of
  // events. `now` may lag a little.
  IngestResult Admit(AckLevel ack, const Sender& sender, uint64_t body_bytes, base::SteadyTime now) const;

  // Checks only the rate, before the body is decoded: the body may have come long after the header.
  IngestResult AdmitBody(const Sender& sender) const { return AdmitByRate(sender, clock_.Now()); }

  // Validates the events of one request that was admitted at this level, and accepts either all valid events
  // or none. Events for which the client has no rights are not valid.
  IngestResult Accept(std::span<const DecodedEvent> events, const RequestMetadata& metadata,
                      const Sender& sender, Handling handling, AckLevel ack, IngestContext& context);

  // For a document that can't be read to its end. Takes tokens for the `events` that were read, because they
  // cost as much as valid ones. Returns kAllRejected or kRateLimited.
  IngestResult RejectDocument(const Sender& sender, uint64_t events);

  // All later requests are rejected with kShuttingDown.
  void Close() { closing_.store(true, std::memory_order_release); }

  const EventLimits& Limits() const { return options_.limits; }
  const TokenBucket& Bucket() const { return bucket_; }

 private:
  IngestResult ValidateAndAppend(std::span<const DecodedEvent> events, const RequestMetadata& metadata,
                                 const Sender& sender, Handling handling, AckLevel ack,
                                 IngestContext& context);
  void ValidateAll(std::span<const DecodedEvent> events, const RequestMetadata& metadata,
                   const Sender& sender, IngestContext& context);
  EventFault CheckRights(const DecodedEvent& event, const Client& client) const;
  bool KeyFits(std::span<const DecodedEvent> events, const RequestMetadata& metadata) const;
  IngestResult AdmitByRate(const Sender& sender, base::SteadyTime now) const;
  // Takes tokens for the events; nullopt: they are admitted.
  std::optional<IngestResult> TakeTokensOrReject(const Sender& sender, uint64_t events, base::SteadyTime now);
  bool IsStalled(const EventBatch& batch) const;
  void RejectEvent(const DecodedEvent& event, EventFault fault, const TopicLimit& limit,
                   IngestContext& context);
  void LogIdConflicts(uint64_t events);
  IngestResult RejectRequest(IngestStatus status, uint64_t events, base::Duration retry_after = {});
  IngestResult RejectOverShare(ClientNumber client, uint64_t events, uint64_t bytes);
  TokenBucket::Decision TakeTokens(ClientNumber client, uint64_t events, base::SteadyTime now);
  // The number of the bucket's tokens that the client must leave for others.
  double TokensReserved(ClientNumber client, uint64_t events, base::SteadyTime now) const;
  bool MayHold(ClientNumber client, uint64_t events, uint64_t bytes) const;

  const Options options_;
  TokenBucket& bucket_;
  Journal& journal_;
  const DrainRate& drain_rate_;
  const TopicLimits& topic_limits_;
  const Clock& clock_;
  Telemetry& telemetry_;
  const IdempotencyWindow* const window_;  // that of the journal
  const EventSink* const sink_;
  ClientShares* const shares_;
  Log* const log_;
  std::atomic<bool> closing_{false};
};

}  // namespace ei
