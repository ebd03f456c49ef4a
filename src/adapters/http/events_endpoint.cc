#include "adapters/http/events_endpoint.h"

#include <algorithm>
#include <string>

#include "event/validation.h"

namespace ei::http {

namespace {

constexpr auto kSoon = std::chrono::seconds(1);
constexpr auto kStalledRetryAfter = std::chrono::seconds(5);

// The names of the rate limits in replies.
constexpr std::string_view kServicePolicy = "service";  // of all clients together
constexpr std::string_view kClientPolicy = "client";    // the client's own

// Adds the headers of draft-ietf-httpapi-ratelimit-headers-11. A token bucket is described by its burst and
// the time in which that is refilled, which is the window of the draft. `reset`: the time after which there
// are tokens again.
void AddRateLimit(const TokenBucket& bucket, std::string_view policy, double tokens_left,
                  std::chrono::seconds reset, Reply& reply) {
  const auto burst = static_cast<uint64_t>(bucket.Burst());
  const auto window = std::chrono::ceil<std::chrono::seconds>(bucket.TimeOf(burst));
  reply.headers.append("RateLimit-Policy: \"").append(policy).append("\";q=").append(std::to_string(burst));
  reply.headers.append(";w=").append(std::to_string(window.count())).append(";qu=\"events\"\r\n");
  reply.headers.append("RateLimit: \"").append(policy).append("\";r=");
  reply.headers.append(std::to_string(static_cast<uint64_t>(tokens_left))).append(";t=");
  reply.headers.append(std::to_string(reset.count())).append("\r\n");
}

}  // namespace

bool EventsEndpoint::Admit(const Request& request, base::SteadyTime now, Reply& reply) {
  if (request.method != Method::kPost) {
    reply.AddHeader("Allow", "POST");
    reply.Refuse(problems::kMethodNotAllowed, "events are sent with POST");
  } else if (request.cloud_event || request.media_type == MediaType::kCloudEvents) {
    reply.Refuse(problems::kCloudEventsUnsupported,
                 "headers that begin with ce- and the media types application/cloudevents... belong to "
                 "CloudEvents; send an event in the format of this API instead");
  } else if (request.partial) {
    reply.Refuse(problems::kPartialBody, "send whole bodies, without a Content-Range");
  } else if (request.media_type == MediaType::kNone || request.media_type == MediaType::kUnknown) {
    reply.Refuse(problems::kUnsupportedMediaType,
                 "send application/json or application/x-ndjson (also application/jsonl), in UTF-8");
  } else if (request.encoded) {
    reply.Refuse(problems::kUnsupportedEncoding, "send the body without a Content-Encoding");
  } else if (request.unknown_expectation) {
    reply.Refuse(problems::kExpectationFailed, "the only supported expectation is 100-continue");
  } else if (!request.ack.valid) {
    reply.Refuse(problems::kInvalidAck,
                 "ack must be memory, wal or broker, and may occur only once in the query");
  } else {
    const Client* const client = request.sender.client;
    if (client != nullptr && request.ack.level && !client->rights.Allows(*request.ack.level)) {
      reply.Refuse(problems::kAckNotAllowed, "the client may use other ack levels only");
      return false;
    }
    const AckLevel ack = ingest_.LevelFor(request.ack.level);
    const IngestResult result = ingest_.Admit(ack, request.sender, request.content_length.value_or(0), now);
    if (result.status == IngestStatus::kAccepted) return true;
    Refuse(result, request.sender, reply);
  }
  return false;
}

EventContext EventsEndpoint::ContextOf(const Request& request) const {
  const Client* const client = request.sender.client;
  const bool named = limits_.keep_client_names && client != nullptr;
  return {named ? std::string_view(client->name) : std::string_view(), request.traceparent};
}

std::unique_ptr<PendingAck> EventsEndpoint::Handle(const Request& request, AckQueue& acks, Reply& reply) {
  if (const IngestResult result = ingest_.AdmitBody(request.sender);
      result.status != IngestStatus::kAccepted) {
    Refuse(result, request.sender, reply);
    return nullptr;
  }
  const DecodedRequest decoded = Decode(request);
  if (decoded.fault != DocumentFault::kNone) {
    if (const IngestResult result = ingest_.RejectDocument(request.sender, decoded.read);
        result.status == IngestStatus::kRateLimited) {
      telemetry_.EventsReceived(decoded.read);
      Refuse(result, request.sender, reply);
      return nullptr;
    }
    RefuseDocument(decoded, reply);
    return nullptr;
  }
  if (decoded.events.empty()) {
    reply.Refuse(problems::kEmptyBatch, "a batch needs at least one event");
    return nullptr;
  }
  const AckLevel ack = ingest_.LevelFor(request.ack.level, decoded.events);
  std::unique_ptr<PendingAck> pending = ack == AckLevel::kMemory ? nullptr : acks.New();
  submission_.waiter = pending.get();
  const auto handling = request.handling_strict ? Handling::kStrict : Handling::kLenient;
  const IngestResult result =
      ingest_.Accept(decoded.events, {.context = ContextOf(request), .key = request.key}, request.sender,
                     handling, ack, submission_);
  if (result.status == IngestStatus::kAccepted) {
    if (const TokenBucket* const bucket = OwnBucketOf(request.sender)) {
      const auto used = static_cast<uint64_t>(bucket->Burst() - result.own_tokens_left);
      AddRateLimit(*bucket, kClientPolicy, result.own_tokens_left,
                   std::chrono::ceil<std::chrono::seconds>(bucket->TimeOf(used)), reply);
    }
    if (ack != AckLevel::kBroker) WriteAccepted(request, decoded, ack, reply);
    if (pending == nullptr) return nullptr;
    const bool waits = pending->Waits();  // false if all events were durable, or delivered, before
    if (waits || ack == AckLevel::kBroker) SaveReplyState(request, decoded, ack, *pending, reply);
    if (waits) return pending;
    if (ack == AckLevel::kBroker) pending->WriteBrokerReply(request, reply);
    acks.Return(std::move(pending));
    return nullptr;
  }
  if (result.status == IngestStatus::kAllRejected) {
    WriteRejected(request, decoded, reply);
  } else {
    Refuse(result, request.sender, reply);
  }
  if (pending != nullptr) acks.Return(std::move(pending));
  return nullptr;
}

DecodedRequest EventsEndpoint::Decode(const Request& request) {
  if (const uint64_t version = routes_.Version(); version != routes_version_) {
    decoder_->UseRoutes(routes_.Get());
    routes_version_ = version;
  }
  return request.media_type == MediaType::kNdjson ? decoder_->DecodeLines(request.body)
                                                  : decoder_->DecodeDocument(request.body);
}

namespace {

void ConfirmPreferences(const Request& request, Reply& reply) {
  if (request.handling_strict) reply.headers.append("Preference-Applied: handling=strict\r\n");
  if (request.representation) reply.headers.append("Preference-Applied: return=representation\r\n");
}

}  // namespace

void EventsEndpoint::WriteAccepted(const Request& request, const DecodedRequest& decoded, AckLevel ack,
                                   Reply& reply) const {
  reply.headers.append(ack == AckLevel::kWal ? "Event-Ack: wal\r\n" : "Event-Ack: memory\r\n");
  if (!decoded.batch) {
    reply.status = 202;
    reply.body.append(R"({"status":"accepted","id":")").append(submission_.batch.RawId(0)).append("\"");
    if (request.representation) {
      reply.headers.append("Preference-Applied: return=representation\r\n");
      if (!submission_.dedup.repeats.empty()) reply.body.append(kDuplicateMember);
    }
    reply.body.push_back('}');
    return;
  }
  reply.status = submission_.rejections.empty() ? 202 : 207;
  ConfirmPreferences(request, reply);
  reply.body.append(R"({"accepted":)").append(std::to_string(submission_.batch.Size()));
  reply.body.append(R"(,"rejected":)").append(std::to_string(submission_.rejections.size()));
  reply.body.append(R"(,"errors":[)");
  AppendRejections(reply.body);
  reply.body.push_back(']');
  AppendErrorsOmitted(reply.body, submission_.rejections.size());
  if (request.representation) {
    reply.body.append(R"(,"events":[)");
    ForEachAccepted(decoded, [&](const Accepted& event) {
      if (reply.body.back() != '[') reply.body.push_back(',');
      reply.body.append(R"({"index":)").append(std::to_string(event.index));
      reply.body.append(R"(,"id":")").append(event.raw_id).append("\"");
      if (event.repeated) reply.body.append(kDuplicateMember);
      reply.body.push_back('}');
    });
    reply.body.push_back(']');
  }
  reply.body.push_back('}');
}

void EventsEndpoint::SaveReplyState(const Request& request, const DecodedRequest& decoded, AckLevel ack,
                                    PendingAck& pending, Reply& reply) const {
  pending.level = ack;
  pending.batch = decoded.batch;
  if (ack == AckLevel::kWal) {
    std::swap(pending.reply, reply);
    if (!decoded.batch) pending.AddEvent(0, submission_.batch.RawId(0), 0, false);
    return;
  }
  pending.reply.headers.append(reply.headers).append("Event-Ack: broker\r\n");
  if (decoded.batch) ConfirmPreferences(request, pending.reply);
  pending.rejected = submission_.rejections.size();
  AppendRejections(pending.rejections);
  size_t id_bytes = 0;
  ForEachAccepted(decoded, [&](const Accepted& event) { id_bytes += event.raw_id.size(); });
  pending.ids.reserve(id_bytes);
  ForEachAccepted(decoded, [&](const Accepted& event) {
    pending.AddEvent(event.index, event.raw_id, event.result, event.repeated);
  });
}

void EventsEndpoint::Finish(const Request& request, PendingAck& pending, Reply& reply) const {
  switch (pending.outcome) {
    case AckOutcome::kReceived:
      if (pending.level == AckLevel::kBroker) return pending.WriteBrokerReply(request, reply);
      return std::swap(reply, pending.reply);
    case AckOutcome::kStorageFailed:
      return Refuse({IngestStatus::kStorageFailed, kSoon}, request.sender, reply);
    case AckOutcome::kTimedOut:
      telemetry_.AckTimedOut();
      reply.Refuse(problems::kAckTimeout,
                   "the events are accepted and remain in the journal, but the ack did not arrive within "
                   "ingest.ack_timeout; sending them again may create duplicates");
      return pending.AppendIds(reply.body);
    case AckOutcome::kAwaited:
    case AckOutcome::kStopping:
      reply.Refuse(problems::kAckTimeout,
                   "the service is stopping; the events are accepted and remain in the journal; sending "
                   "them again may create duplicates");
      return pending.AppendIds(reply.body);
  }
}

namespace {

bool IsTemporary(const Rejection& rejection) { return RowOf(rejection.fault).kind == FaultKind::kTemporary; }

bool IsForbidden(const Rejection& rejection) { return RowOf(rejection.fault).kind == FaultKind::kForbidden; }

Problem ProblemOf(EventFault fault) {
  const FaultRow& row = RowOf(fault);
  switch (row.kind) {
    case FaultKind::kInvalid: return {422, row.code, "The event is not valid"};
    case FaultKind::kTooLarge: return {413, row.code, "The event is too large"};
    case FaultKind::kForbidden: return {403, row.code, "The client may not send the event"};
    case FaultKind::kTemporary: return {503, row.code, "The event can't be accepted at present"};
  }
  return {};
}

}  // namespace

void EventsEndpoint::WriteRejected(const Request& request, const DecodedRequest& decoded,
                                   Reply& reply) const {
  const Rejection& first = submission_.rejections.front();
  if (!decoded.batch) {
    return reply.Refuse(ProblemOf(first.fault), Explain(first),
                        IsTemporary(first) ? kStalledRetryAfter : std::chrono::seconds(0));
  }
  const auto temporary = std::ranges::find_if(submission_.rejections, IsTemporary);
  const bool may_succeed = temporary != submission_.rejections.end();
  const bool forbidden = std::ranges::all_of(submission_.rejections, IsForbidden);
  reply.status = may_succeed ? 503 : forbidden ? 403 : 422;
  reply.code = may_succeed ? Code(temporary->fault) : forbidden ? Code(first.fault) : kBatchNotValid;
  if (may_succeed) reply.AddHeader("Retry-After", std::to_string(kStalledRetryAfter.count()));
  if (request.handling_strict) reply.headers.append("Preference-Applied: handling=strict\r\n");
  reply.body.append(R"({"accepted":0,"rejected":)").append(std::to_string(decoded.events.size()));
  reply.body.append(R"(,"errors":[)");
  AppendRejections(reply.body);
  reply.body.push_back(']');
  AppendErrorsOmitted(reply.body, submission_.rejections.size());
  reply.body.push_back('}');
}

void EventsEndpoint::AppendRejections(std::string& list) const {
  const size_t listed = std::min(submission_.rejections.size(), kErrorsListedMax);
  for (size_t i = 0; i < listed; ++i) {
    const Rejection& rejection = submission_.rejections[i];
    if (i > 0) list.push_back(',');
    list.append(R"({"index":)").append(std::to_string(rejection.index));
    // A long id is omitted, not truncated: a truncated one could end within an escape.
    if (!rejection.raw_id.empty() && rejection.raw_id.size() <= kErrorIdBytesMax) {
      list.append(R"(,"id":")").append(rejection.raw_id).append("\"");
    }
    if (rejection.line > 0) {
      list.append(R"(,"line":)").append(std::to_string(rejection.line));
      list.append(R"(,"offset":)").append(std::to_string(rejection.offset));
    }
    list.append(R"(,"code":")").append(Code(rejection.fault)).append(R"(","message":")");
    for (const char c : Explain(rejection)) {
      if (c == '"') list.push_back('\\');
      list.push_back(c);
    }
    list.append("\"}");
  }
}

std::string EventsEndpoint::Explain(const Rejection& rejection) const {
  if (rejection.fault != EventFault::kTooLargeForTopic) {
    return ei::Explain(rejection.fault, ingest_.Limits());
  }
  return "topic " + std::string(rejection.topic_limit.topic) + " accepts records of at most " +
         std::to_string(rejection.topic_limit.bytes_max) + " bytes (max.message.bytes)";
}

template <typename Take>
void EventsEndpoint::ForEachAccepted(const DecodedRequest& decoded, Take take) const {
  auto rejection = submission_.rejections.begin();
  auto repeat = submission_.dedup.repeats.begin();
  uint32_t accepted = 0;
  uint32_t fresh = 0;
  for (const DecodedEvent& event : decoded.events) {
    if (rejection != submission_.rejections.end() && rejection->index == event.index) {
      ++rejection;
      continue;
    }
    const bool repeated = repeat != submission_.dedup.repeats.end() && repeat->event == accepted;
    const uint32_t result = repeated ? (repeat++)->result : fresh++;
    take(Accepted{event.index, submission_.batch.RawId(accepted++), result, repeated});
  }
}

void EventsEndpoint::Refuse(const IngestResult& result, const Sender& sender, Reply& reply) const {
  if (result.status == IngestStatus::kRateLimited) return RefuseByRate(result, sender, reply);
  if (result.status == IngestStatus::kOverShare) reply.over_share = over_share::kJournal;
  const IngestRejection& rejection = RowOf(result.status);
  reply.Refuse(rejection.problem, rejection.detail, result.retry_after);
}

void EventsEndpoint::RefuseByRate(const IngestResult& result, const Sender& sender, Reply& reply) const {
  const bool own = result.over_own_rate;
  const TokenBucket& bucket = own ? *sender.client->account.bucket : ingest_.Bucket();
  const std::string_view policy = own ? kClientPolicy : kServicePolicy;
  AddRateLimit(bucket, policy, 0, result.retry_after, reply);
  if (own) reply.over_share = over_share::kOwnRate;
  if (result.over_share) reply.over_share = over_share::kRate;
  reply.Refuse(problems::kRateLimited,
               own ? "more events than the client's own rate allows" : RowOf(result.status).detail,
               result.retry_after);
  reply.body.pop_back();
  reply.body.append(R"(,"violated-policies":[")").append(policy).append(R"("]})");
}

void EventsEndpoint::RefuseDocument(const DecodedRequest& decoded, Reply& reply) {
  const std::string where = " (at byte " + std::to_string(decoded.offset) + ")";
  switch (decoded.fault) {
    case DocumentFault::kBatchTooLarge:
      reply.Refuse(problems::kBatchTooLarge, "a request may contain at most " +
                                                 std::to_string(limits_.batch_events_max) +
                                                 " events (ingest.batch_events_max)");
      break;
    case DocumentFault::kTooDeep:
      reply.Refuse(problems::kTooDeep, "at most " + std::to_string(limits_.depth_max) +
                                           " levels of nesting are allowed (ingest.depth_max)" + where);
      break;
    default: reply.Refuse(problems::kMalformedJson, std::string(decoded.what) + where); break;
  }
  telemetry_.EventsReceived(1);
  telemetry_.EventsRejected(reply.code, 1);
}

}  // namespace ei::http
