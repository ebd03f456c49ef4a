#include "redrive/dead_letter_filter.h"

#include <algorithm>
#include <charconv>

#include "delivery/dead_letter_headers.h"
#include "event/timestamp.h"
#include "event/topic_name.h"

namespace ei {

namespace {

bool Among(const std::vector<std::string>& allowed, std::string_view text) {
  return allowed.empty() || std::ranges::find(allowed, text) != allowed.end();
}

// Kafka keeps its offsets and transactions in such topics, and Confluent its schemas.
bool IsInternal(std::string_view topic) { return topic.starts_with('_'); }

}  // namespace

base::WallTime FailedAt(const DeadLetterRecord& dead_letter) {
  return ParseTimestamp(dead_letter.Header(kDlqFailedAt)).value_or(dead_letter.stored_at);
}

uint64_t RedrivesOf(const DeadLetterRecord& dead_letter) {
  const std::string_view text = dead_letter.Header(kDlqRedrives);
  uint64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

bool DeadLetterFilter::Matches(const DeadLetterRecord& dead_letter, EventDecoder& decoder) const {
  if (!Among(codes, dead_letter.Header(kDlqCode)) || !Among(topics, dead_letter.Header(kDlqTopic)))
    return false;
  const base::WallTime failed_at = FailedAt(dead_letter);
  if ((since && failed_at < *since) || (until && failed_at >= *until)) return false;
  if (types.empty() && ids.empty()) return true;
  const DecodedRequest decoded = decoder.DecodeDocument(dead_letter.value);
  if (decoded.events.size() != 1 || decoded.batch) return false;
  const DecodedEvent& event = decoded.events.front();
  return Among(types, event.type.text) && Among(ids, event.id.text);
}

std::string_view Explain(RedriveFault fault) {
  switch (fault) {
    case RedriveFault::kNone: return "nothing is wrong";
    case RedriveFault::kForeign: return "not a dead letter of this service: no dlq_code";
    case RedriveFault::kReference:
      return "a reference: the event is in a dead-letter file; send it back with --from file";
    case RedriveFault::kBadTopic: return "dlq_topic can't be a destination of events";
    case RedriveFault::kNotRouted:
      return "no events are routed to dlq_topic now (KAFKA_TOPIC, the routes); --topic=NAME allows it";
    case RedriveFault::kTooOften: return "sent back too often already (--max-redrives)";
  }
  return {};
}

RedriveFault Judge(const DeadLetterRecord& dead_letter, const RedriveRules& rules) {
  if (dead_letter.Header(kDlqCode).empty()) return RedriveFault::kForeign;
  if (!dead_letter.Header(kDlqReference).empty()) return RedriveFault::kReference;
  const std::string topic = TopicOf(dead_letter, rules);
  if (!IsTopicName(topic) || topic == rules.dlq_topic || IsInternal(topic)) return RedriveFault::kBadTopic;
  if (topic != rules.default_topic && std::ranges::find(rules.topics, topic) == rules.topics.end()) {
    return RedriveFault::kNotRouted;
  }
  if (RedrivesOf(dead_letter) >= rules.redrives_max) return RedriveFault::kTooOften;
  return RedriveFault::kNone;
}

std::string TopicOf(const DeadLetterRecord& dead_letter, const RedriveRules& rules) {
  const std::string_view topic = dead_letter.Header(kDlqTopic);
  return topic.empty() ? rules.default_topic : std::string(topic);
}

}  // namespace ei
