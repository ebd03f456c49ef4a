#include "adapters/http/events_endpoint.h"

#include <string>

#include "domain/validation.h"

namespace ei::http {

using app::DocumentFault;
using app::IngestResult;
using app::IngestStatus;

bool EventsEndpoint::Admit(const Request& request, base::SteadyTime now, Reply& reply) {
  if (request.method != Method::kPost) {
    reply.AddHeader("Allow", "POST");
    reply.Refuse(problems::kMethodNotAllowed, "events are sent with POST");
  } else if (request.media_type == MediaType::kNone || request.media_type == MediaType::kUnknown) {
    reply.Refuse(problems::kUnsupportedMediaType,
                 "send application/json or application/x-ndjson (also application/jsonl), in UTF-8");
  } else if (request.encoded) {
    reply.Refuse(problems::kUnsupportedEncoding, "send the body without a Content-Encoding");
  } else if (request.unknown_expectation) {
    reply.Refuse(problems::kExpectationFailed, "the only expectation that is understood is 100-continue");
  } else {
    const IngestResult result = ingest_.Admit(request.content_length.value_or(0), now);
    if (result.status == IngestStatus::kAccepted) return true;
    Refuse(result, reply);
  }
  return false;
}

void EventsEndpoint::Handle(const Request& request, Reply& reply) {
  const app::DecodedRequest decoded = request.media_type == MediaType::kNdjson
                                          ? decoder_->DecodeLines(request.body)
                                          : decoder_->DecodeDocument(request.body);
  if (decoded.fault != DocumentFault::kNone) return RefuseDocument(decoded, reply);
  if (decoded.events.empty()) return reply.Refuse(problems::kEmptyBatch, "a batch needs at least one event");

  const auto handling = request.handling_strict ? app::Handling::kStrict : app::Handling::kLenient;
  const IngestResult result = ingest_.Accept(decoded.events, request.traceparent, handling, submission_);
  switch (result.status) {
    case IngestStatus::kAccepted: return Accepted(request, decoded, reply);
    case IngestStatus::kAllRejected: return Rejected(request, decoded, reply);
    default: return Refuse(result, reply);
  }
}

void EventsEndpoint::Accepted(const Request& request, const app::DecodedRequest& decoded,
                              Reply& reply) const {
  reply.headers.append("Event-Ack: memory\r\n");
  if (!decoded.batch) {
    reply.status = 202;
    reply.body.append(R"({"status":"accepted","id":")").append(submission_.batch.RawId(0)).append("\"}");
    return;
  }
  reply.status = submission_.rejections.empty() ? 202 : 207;
  if (request.handling_strict) reply.headers.append("Preference-Applied: handling=strict\r\n");
  if (request.representation) reply.headers.append("Preference-Applied: return=representation\r\n");
  reply.body.append(R"({"accepted":)").append(std::to_string(submission_.batch.Size()));
  reply.body.append(R"(,"rejected":)").append(std::to_string(submission_.rejections.size()));
  AppendErrors(decoded, reply);
  if (request.representation) AppendAcceptedEvents(decoded, reply);
  reply.body.push_back('}');
}

void EventsEndpoint::Rejected(const Request& request, const app::DecodedRequest& decoded,
                              Reply& reply) const {
  const app::Rejection& first = submission_.rejections.front();
  if (!decoded.batch) {
    const std::string detail = domain::Explain(first.fault, ingest_.Limits());
    reply.Refuse({422, domain::Code(first.fault), "The event is not valid"}, detail);
    return;
  }
  reply.status = 422;
  if (request.handling_strict) reply.headers.append("Preference-Applied: handling=strict\r\n");
  reply.body.append(R"({"accepted":0,"rejected":)").append(std::to_string(decoded.events.size()));
  AppendErrors(decoded, reply);
  reply.body.push_back('}');
}

void EventsEndpoint::AppendErrors(const app::DecodedRequest&, Reply& reply) const {
  reply.body.append(R"(,"errors":[)");
  bool first = true;
  for (const app::Rejection& rejection : submission_.rejections) {
    if (!first) reply.body.push_back(',');
    first = false;
    reply.body.append(R"({"index":)").append(std::to_string(rejection.index));
    if (!rejection.raw_id.empty()) reply.body.append(R"(,"id":")").append(rejection.raw_id).append("\"");
    if (rejection.line > 0) {
      reply.body.append(R"(,"line":)").append(std::to_string(rejection.line));
      reply.body.append(R"(,"offset":)").append(std::to_string(rejection.offset));
    }
    reply.body.append(R"(,"code":")").append(domain::Code(rejection.fault)).append(R"(","message":")");
    for (const char c : domain::Explain(rejection.fault, ingest_.Limits())) {
      if (c == '"') reply.body.push_back('\\');
      reply.body.push_back(c);
    }
    reply.body.append("\"}");
  }
  reply.body.push_back(']');
}

void EventsEndpoint::AppendAcceptedEvents(const app::DecodedRequest& decoded, Reply& reply) const {
  reply.body.append(R"(,"events":[)");
  size_t accepted = 0;
  auto rejection = submission_.rejections.begin();
  for (const domain::DecodedEvent& event : decoded.events) {
    if (rejection != submission_.rejections.end() && rejection->index == event.index) {
      ++rejection;
      continue;
    }
    if (accepted > 0) reply.body.push_back(',');
    reply.body.append(R"({"index":)").append(std::to_string(event.index));
    reply.body.append(R"(,"id":")").append(submission_.batch.RawId(accepted++)).append("\"}");
  }
  reply.body.push_back(']');
}

void EventsEndpoint::Refuse(const IngestResult& result, Reply& reply) const {
  switch (result.status) {
    case IngestStatus::kRateLimited:
      reply.AddHeader("RateLimit-Limit", std::to_string(static_cast<uint64_t>(ingest_.Bucket().Burst())));
      reply.AddHeader("RateLimit-Remaining", "0");
      reply.AddHeader("RateLimit-Reset", std::to_string(result.retry_after.count()));
      return reply.Refuse(problems::kRateLimited, "more events than rate_limit.rps allows",
                          result.retry_after);
    case IngestStatus::kBatchTooLarge:
      return reply.Refuse(
          problems::kBatchTooLarge,
          "the batch is larger than the whole journal (journal.events_max, journal.bytes_max)");
    case IngestStatus::kStorageFailed:
      return reply.Refuse(problems::kStorageFailed,
                          "nothing more is accepted until the service has been started again; see its log",
                          result.retry_after);
    case IngestStatus::kShuttingDown:
      return reply.Refuse(problems::kShuttingDown, "send it to another replica, or again later",
                          result.retry_after);
    default:
      return reply.Refuse(problems::kJournalFull,
                          "events arrive faster than they can be delivered; the journal (journal.events_max, "
                          "journal.bytes_max) has no room for all of this request",
                          result.retry_after);
  }
}

void EventsEndpoint::RefuseDocument(const app::DecodedRequest& decoded, Reply& reply) {
  const std::string where = " (at byte " + std::to_string(decoded.offset) + ")";
  switch (decoded.fault) {
    case DocumentFault::kBatchTooLarge:
      reply.Refuse(problems::kBatchTooLarge, "a request may bring " +
                                                 std::to_string(limits_.batch_events_max) +
                                                 " events (ingest.batch_events_max)");
      break;
    case DocumentFault::kTooDeep:
      reply.Refuse(problems::kTooDeep, "at most " + std::to_string(limits_.depth_max) +
                                           " levels are read (ingest.depth_max)" + where);
      break;
    default: reply.Refuse(problems::kMalformedJson, std::string(decoded.what) + where); break;
  }
  telemetry_.EventsReceived(1);
  telemetry_.EventsRejected(reply.code, 1);
}

}  // namespace ei::http
