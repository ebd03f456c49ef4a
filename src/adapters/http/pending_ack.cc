#include "adapters/http/pending_ack.h"

#include "ingest/ingest.h"

namespace ei::http {

namespace {

constexpr size_t kBytesKept = 16 << 10;  // a larger capacity is freed after the request
constexpr std::string_view kDeadLettered =
    "Kafka rejects the event; it is kept in the dead-letter topic, or in the dead-letter file if that topic "
    "rejects it too";

template <typename Container>
void ClearAndTrim(Container& container) {
  container.clear();
  if (container.capacity() * sizeof(typename Container::value_type) > kBytesKept) container.shrink_to_fit();
}

// Appends the topic, partition and offset of a delivered event, for return=representation. A repeat's
// location may not be known any more.
void AppendLocation(std::string& body, const DeliveryResult& result, bool repeated) {
  if (repeated) body.append(kDuplicateMember);
  if (repeated || result.topic.empty()) return;
  body.append(R"(,"topic":")").append(result.topic);
  body.append(R"(","partition":)").append(std::to_string(result.partition));
  body.append(R"(,"offset":)").append(std::to_string(result.offset));
}

}  // namespace

void AppendErrorsOmitted(std::string& body, size_t errors) {
  if (errors <= kErrorsListedMax) return;
  body.append(R"(,"errors_omitted":)").append(std::to_string(errors - kErrorsListedMax));
}

void PendingAck::Clear() {
  outcome = AckOutcome::kAwaited;
  reply.Clear();
  ClearAndTrim(reply.body);
  ClearAndTrim(events);
  ClearAndTrim(ids);
  batch = false;
  rejected = 0;
  ClearAndTrim(rejections);
}

void PendingAck::AddEvent(uint32_t index, std::string_view raw_id, uint32_t result, bool repeated) {
  events.push_back(
      {index, static_cast<uint32_t>(ids.size()), static_cast<uint32_t>(raw_id.size()), result, repeated});
  ids.append(raw_id);
}

size_t PendingAck::LargeBytes() const {
  const size_t bytes = reply.body.capacity() + ids.capacity() + rejections.capacity();
  return bytes > kBytesKept ? bytes : 0;
}

DeliveryResult PendingAck::ResultOf(const Event& event) const {
  return event.result == Repeat::kDelivered ? DeliveryResult() : Results()[event.result];
}

void PendingAck::WriteBrokerReply(const Request& request, Reply& out) const {
  if (batch) {
    WriteBatch(request, out);
  } else {
    WriteSingle(request, out);
  }
}

void PendingAck::WriteSingle(const Request& request, Reply& out) const {
  const DeliveryResult result = ResultOf(events.front());
  if (!result.code.empty()) {
    out.Refuse({422, result.code, "The event can't be delivered"}, kDeadLettered);
    return;
  }
  out.status = 200;
  out.headers.append(reply.headers);
  if (request.representation) out.headers.append("Preference-Applied: return=representation\r\n");
  out.body.append(R"({"status":"accepted","id":")").append(RawId(events.front())).append("\"");
  if (request.representation) AppendLocation(out.body, result, events.front().repeated);
  out.body.push_back('}');
}

void PendingAck::WriteBatch(const Request& request, Reply& out) const {
  std::string errors = rejections;
  std::string listed;
  size_t dead_lettered = 0;
  for (const Event& event : events) {
    const DeliveryResult result = ResultOf(event);
    const bool delivered = result.code.empty();
    if (!delivered && rejected + dead_lettered >= kErrorsListedMax) {
      ++dead_lettered;
      continue;
    }
    if (delivered && !request.representation) continue;
    std::string& list = delivered ? listed : errors;
    if (!list.empty()) list.push_back(',');
    list.append(R"({"index":)").append(std::to_string(event.index));
    list.append(R"(,"id":")").append(RawId(event)).append("\"");
    if (delivered) {
      AppendLocation(list, result, event.repeated);
    } else {
      ++dead_lettered;
      list.append(R"(,"code":")").append(result.code);
      list.append(R"(","message":")").append(kDeadLettered).append("\"");
    }
    list.push_back('}');
  }
  const size_t accepted = events.size() - dead_lettered;
  const size_t refused = rejected + dead_lettered;
  out.status = refused == 0 ? 200 : (accepted > 0 ? 207 : 422);
  if (accepted == 0) out.code = kBatchNotValid;
  out.headers.append(reply.headers);
  out.body.append(R"({"accepted":)").append(std::to_string(accepted));
  out.body.append(R"(,"rejected":)").append(std::to_string(refused));
  out.body.append(R"(,"errors":[)").append(errors).push_back(']');
  AppendErrorsOmitted(out.body, refused);
  if (request.representation) out.body.append(R"(,"events":[)").append(listed).push_back(']');
  out.body.push_back('}');
}

void PendingAck::AppendIds(std::string& body) const {
  if (events.empty()) return;
  body.pop_back();
  body.append(R"(,"ids":[)");
  for (const Event& event : events) {
    if (body.back() != '[') body.push_back(',');
    body.append("\"").append(RawId(event)).append("\"");
  }
  body.append("]}");
}

}  // namespace ei::http
