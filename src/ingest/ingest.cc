#include "ingest/ingest.h"

#include <algorithm>

#include "event/timestamp.h"
#include "event/validation.h"

namespace ei {

namespace {

// Rounds up to whole seconds, at least 1. The bucket's answer may be some nanoseconds too long, which must
// not cost the client a second.
std::chrono::seconds WholeSeconds(base::Duration wait) {
  return std::max(std::chrono::seconds(1),
                  std::chrono::ceil<std::chrono::seconds>(wait - std::chrono::microseconds(1)));
}

}  // namespace

IngestResult Ingest::Accept(std::span<const DecodedEvent> events, const RequestMetadata& metadata,
                            const Sender& sender, Handling handling, AckLevel ack, IngestContext& context) {
  IngestResult result = ValidateAndAppend(events, metadata, sender, handling, ack, context);
  if (const TokenBucket* const own = OwnBucketOf(sender)) {
    result.own_tokens_left = own->Peek(clock_.Now(), 0).remaining;
  }
  if (ClientCounts* const counts = sender.client == nullptr ? nullptr : sender.client->account.counts.get()) {
    const uint64_t valid = result.status == IngestStatus::kAccepted ? context.batch.Size() : 0;
    const uint64_t repeats = valid > 0 ? context.dedup.repeats.size() : 0;
    if (valid > repeats) counts->accepted.fetch_add(valid - repeats, std::memory_order_relaxed);
    if (valid < events.size()) counts->rejected.fetch_add(events.size() - valid, std::memory_order_relaxed);
  }
  return result;
}

IngestResult Ingest::ValidateAndAppend(std::span<const DecodedEvent> events, const RequestMetadata& metadata,
                                       const Sender& sender, Handling handling, AckLevel ack,
                                       IngestContext& context) {
  telemetry_.EventsReceived(events.size());
  const base::SteadyTime now = clock_.Now();
  if (closing_.load(std::memory_order_acquire))
    return RejectRequest(IngestStatus::kShuttingDown, events.size());
  // Every event takes a token, valid or not, because each was decoded and will be validated.
  if (const auto rejected = TakeTokensOrReject(sender, events.size(), now)) return *rejected;
  if (!KeyFits(events, metadata)) return RejectRequest(IngestStatus::kKeyTooLarge, events.size());
  ValidateAll(events, metadata, sender, context);

  const uint64_t valid = context.batch.Size();
  const bool all_or_nothing = handling == Handling::kStrict && !context.rejections.empty();
  if (all_or_nothing) telemetry_.EventsRejected(kBatchNotValid, valid);
  if (valid == 0 || all_or_nothing) return {IngestStatus::kAllRejected};

  const uint64_t bytes = context.batch.Bytes().size();
  if (!MayHold(sender.number, valid, bytes)) return RejectOverShare(sender.number, valid, bytes);
  const Appended appended = journal_.Append(
      {.batch = context.batch, .dedup = &context.dedup, .ack = ack, .waiter = context.waiter}, now);
  switch (appended.result) {
    case AppendResult::kAppended: break;
    case AppendResult::kOverShare: return RejectOverShare(sender.number, valid, bytes);
    case AppendResult::kFull: return RejectRequest(IngestStatus::kJournalFull, valid);
    case AppendResult::kTooLarge: return RejectRequest(IngestStatus::kBatchTooLarge, valid);
    case AppendResult::kClosed: return RejectRequest(IngestStatus::kShuttingDown, valid);
    case AppendResult::kFailed: return RejectRequest(IngestStatus::kStorageFailed, valid);
  }
  const uint64_t repeats = context.dedup.repeats.size();
  telemetry_.EventsAccepted(valid - repeats);
  if (repeats > 0) telemetry_.EventsDeduplicated(repeats);
  if (context.dedup.id_conflicts > 0) LogIdConflicts(context.dedup.id_conflicts);
  return {.status = IngestStatus::kAccepted, .ack = ack};
}

std::optional<IngestResult> Ingest::TakeTokensOrReject(const Sender& sender, uint64_t events,
                                                       base::SteadyTime now) {
  TokenBucket* const own = OwnBucketOf(sender);
  if (own != nullptr) {
    if (const auto decision = own->Peek(now, events); !decision.admitted) {
      if (shares_ != nullptr) shares_->NoteRefused(sender.number, own->TimeOf(events), now);
      IngestResult rejected = RejectRequest(IngestStatus::kRateLimited, events, decision.retry_after);
      rejected.over_own_rate = true;
      return rejected;
    }
  }
  const auto decision = TakeTokens(sender.number, events, now);
  if (decision.admitted) {
    if (own != nullptr) own->Charge(events, now);
    return std::nullopt;
  }
  if (shares_ != nullptr) shares_->NoteRefused(sender.number, bucket_.TimeOf(events), now);
  IngestResult rejected = RejectRequest(IngestStatus::kRateLimited, events, decision.retry_after);
  rejected.over_share = TokensReserved(sender.number, events, now) > 0;
  return rejected;
}

IngestResult Ingest::RejectDocument(const Sender& sender, uint64_t events) {
  return TakeTokensOrReject(sender, events, clock_.Now()).value_or(IngestResult{IngestStatus::kAllRejected});
}

// Checks the total size of the events with a copy of the header's key for each event that uses it, before
// anything is copied.
bool Ingest::KeyFits(std::span<const DecodedEvent> events, const RequestMetadata& metadata) const {
  if (metadata.key.empty()) return true;
  uint64_t bytes = 0;
  for (const DecodedEvent& event : events) {
    bytes += event.json.size();
    if (event.route->key_source == KeySource::kHeader) bytes += metadata.key.size();
  }
  return bytes <= options_.body_bytes_max;
}

void Ingest::LogIdConflicts(uint64_t events) {
  telemetry_.EventIdConflicts(events);
  if (log_ == nullptr) return;
  log_->Write(LogLevel::kWarn, "ingest",
              "events of one client have the same id but different bytes; each was accepted: their senders "
              "must use different ids or different sources",
              {{"events", events}});
}

void Ingest::ValidateAll(std::span<const DecodedEvent> events, const RequestMetadata& metadata,
                         const Sender& sender, IngestContext& context) {
  context.batch.Clear(sender.number, sender.identity);
  context.rejections.clear();
  context.dedup.Clear();
  const base::WallTime received_at = clock_.WallNow();
  const TimestampText timestamp = FormatTimestamp(received_at);
  for (const DecodedEvent& event : events) {
    EventFault fault = Validate(event, options_.limits);
    if (fault == EventFault::kNone && sender.client != nullptr) fault = CheckRights(event, *sender.client);
    if (fault != EventFault::kNone) {
      RejectEvent(event, fault, {}, context);
      continue;
    }
    const bool needs_id = event.id.kind == Member::Kind::kAbsent;
    context.batch.Add(event, needs_id ? context.ids.Next(received_at) : std::string_view(), View(timestamp),
                      metadata);
    if (const auto limit = topic_limits_.BrokenByLast(context.batch)) {
      context.batch.UndoAdd(event);
      RejectEvent(event, EventFault::kTooLargeForTopic, *limit, context);
      continue;
    }
    if (IsStalled(context.batch)) {
      context.batch.UndoAdd(event);
      RejectEvent(event, EventFault::kPartitionStuck, {}, context);
      continue;
    }
    if (window_ != nullptr) window_->Name(event, context.batch, context.dedup);
  }
}

EventFault Ingest::CheckRights(const DecodedEvent& event, const Client& client) const {
  if (!client.rights.types.Allows(event.type.text)) return EventFault::kTypeNotAllowed;
  const std::string& topic = event.route->topic.empty() ? options_.default_topic : event.route->topic;
  return client.rights.topics.Allows(topic) ? EventFault::kNone : EventFault::kTopicNotAllowed;
}

// Returns whether the batch's last event has to be rejected because its partition is stalled: the partition
// accepts nothing while others do, and the journal is above its high watermark. The rest of the journal then
// remains free for events of the other partitions. In an outage of all partitions none of them is stalled in
// this sense: the journal buffers their events.
bool Ingest::IsStalled(const EventBatch& batch) const {
  if (sink_ == nullptr) return false;
  const EventSlices& event = batch.Events().back();
  const bool has_key = event.key_offset != EventSlices::kNoKey;
  const auto key_hash = has_key ? std::optional(event.key_hash) : std::nullopt;
  return sink_->IsStalled(TopicOf(batch, event), key_hash) && journal_.AboveHighWatermark();
}

void Ingest::RejectEvent(const DecodedEvent& event, EventFault fault, const TopicLimit& limit,
                         IngestContext& context) {
  context.rejections.push_back({event.index, event.line, event.offset, fault, event.id.raw, limit});
  telemetry_.EventsRejected(Code(fault), 1);
}

IngestResult Ingest::Admit(AckLevel ack, const Sender& sender, uint64_t body_bytes,
                           base::SteadyTime now) const {
  const ClientNumber client = sender.number;
  if (ack == AckLevel::kWal && !options_.has_wal) return {IngestStatus::kAckUnavailable};
  if (closing_.load(std::memory_order_acquire)) return {IngestStatus::kShuttingDown, std::chrono::seconds(1)};
  if (shares_ != nullptr) shares_->NoteSender(client, now);
  if (const IngestResult result = AdmitByRate(sender, now); result.status != IngestStatus::kAccepted)
    return result;
  const bool waits = ack == AckLevel::kBroker;
  if (!MayHold(client, 1, body_bytes) ||
      (waits && shares_ != nullptr && !shares_->Allows(client, Shared::kAwaitedEvents, 1))) {
    return {IngestStatus::kOverShare, drain_rate_.RetryAfter(journal_.Events(), now), true};
  }
  if (journal_.Full(body_bytes) || (waits && journal_.TooManyAwaited())) {
    return {IngestStatus::kJournalFull, drain_rate_.RetryAfter(journal_.Events(), now)};
  }
  return {IngestStatus::kAccepted};
}

IngestResult Ingest::AdmitByRate(const Sender& sender, base::SteadyTime now) const {
  if (const TokenBucket* const own = OwnBucketOf(sender)) {
    if (const auto decision = own->Peek(now); !decision.admitted) {
      return {.status = IngestStatus::kRateLimited,
              .retry_after = WholeSeconds(decision.retry_after),
              .over_own_rate = true};
    }
  }
  const ClientNumber client = sender.number;
  const double reserve = TokensReserved(client, 1, now);
  const auto decision = bucket_.Peek(now, 1, reserve);
  const base::Duration unread = shares_ == nullptr ? base::Duration(0) : shares_->UnreadFor(client, now);
  const bool reserved = shares_ != nullptr && shares_->PeekReserved(client, now);
  if (unread.count() == 0 && (decision.admitted || reserved)) return {IngestStatus::kAccepted};
  return {IngestStatus::kRateLimited, WholeSeconds(std::max(decision.retry_after, unread)), reserve > 0};
}

IngestResult Ingest::RejectRequest(IngestStatus status, uint64_t events, base::Duration retry_after) {
  telemetry_.EventsRejected(Code(status), events);
  if (status == IngestStatus::kBatchTooLarge || status == IngestStatus::kKeyTooLarge) return {status};
  if (status == IngestStatus::kJournalFull || status == IngestStatus::kOverShare) {
    return {status, drain_rate_.RetryAfter(journal_.Events(), clock_.Now()),
            status == IngestStatus::kOverShare};
  }
  return {status, WholeSeconds(retry_after)};
}

// A client within its share of the rate doesn't pay for the debt of other clients. The shared bucket is
// charged for all admitted events, so that all clients together keep to the rate.
TokenBucket::Decision Ingest::TakeTokens(ClientNumber client, uint64_t events, base::SteadyTime now) {
  if (shares_ == nullptr || bucket_.Unlimited()) return bucket_.TryTake(events, now);
  if (shares_->TakeReserved(client, events, now)) {
    bucket_.Charge(events, now);
    return {true, base::Duration(0), 0};
  }
  const auto decision = bucket_.TryTake(events, now, TokensReserved(client, events, now));
  if (decision.admitted) shares_->Charge(client, events, now);
  return decision;
}

// A batch that is too large for any client's share gets kBatchTooLarge, so that the client doesn't retry.
IngestResult Ingest::RejectOverShare(ClientNumber client, uint64_t events, uint64_t bytes) {
  const bool ever = shares_->EverAllows(client, Shared::kJournalEvents, events) &&
                    shares_->EverAllows(client, Shared::kJournalBytes, bytes);
  return RejectRequest(ever ? IngestStatus::kOverShare : IngestStatus::kBatchTooLarge, events);
}

double Ingest::TokensReserved(ClientNumber client, uint64_t events, base::SteadyTime now) const {
  if (shares_ == nullptr || bucket_.Unlimited() || shares_->WithinFairShare(client, events, now)) return 0;
  return bucket_.Burst() / static_cast<double>(ClientShares::kReserveFraction);
}

bool Ingest::MayHold(ClientNumber client, uint64_t events, uint64_t bytes) const {
  return shares_ == nullptr || (shares_->Allows(client, Shared::kJournalEvents, events) &&
                                shares_->Allows(client, Shared::kJournalBytes, bytes));
}

}  // namespace ei
