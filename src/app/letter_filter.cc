#include "app/letter_filter.h"

#include <algorithm>
#include <charconv>

#include "app/dead_letter_headers.h"
#include "domain/timestamp.h"
#include "domain/topic_name.h"

namespace ei::app {

namespace {

bool Among(const std::vector<std::string>& wanted, std::string_view text) {
  return wanted.empty() || std::ranges::find(wanted, text) != wanted.end();
}

// Kafka keeps its offsets and transactions in such topics, Confluent its schemas.
bool IsInternal(std::string_view topic) { return topic.starts_with('_'); }

}  // namespace

base::WallTime FailedAt(const StoredLetter& letter) {
  return domain::ParseTimestamp(letter.Header(kDlqFailedAt)).value_or(letter.stored_at);
}

uint64_t RedrivesOf(const StoredLetter& letter) {
  const std::string_view text = letter.Header(kDlqRedrives);
  uint64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

bool LetterFilter::Matches(const StoredLetter& letter, EventDecoder& decoder) const {
  if (!Among(codes, letter.Header(kDlqCode)) || !Among(topics, letter.Header(kDlqTopic))) return false;
  const base::WallTime failed_at = FailedAt(letter);
  if ((since && failed_at < *since) || (until && failed_at >= *until)) return false;
  if (types.empty() && ids.empty()) return true;
  const DecodedRequest decoded = decoder.DecodeDocument(letter.value);
  if (decoded.events.size() != 1 || decoded.batch) return false;
  const domain::DecodedEvent& event = decoded.events.front();
  return Among(types, event.type.text) && Among(ids, event.id.text);
}

std::string_view Explain(LetterFault fault) {
  switch (fault) {
    case LetterFault::kNone: return "nothing is wrong";
    case LetterFault::kForeign: return "not a dead letter of this service: no dlq_code";
    case LetterFault::kReference:
      return "a reference: the event stands in a dead-letter file, to be sent back with --from file";
    case LetterFault::kBadTopic: return "dlq_topic can't be a topic that events go to";
    case LetterFault::kNotRouted:
      return "dlq_topic is no topic that events go to now (KAFKA_TOPIC, the routes); --topic=NAME allows it";
    case LetterFault::kTooOften: return "sent back too often already (--max-redrives)";
  }
  return {};
}

LetterFault Judge(const StoredLetter& letter, const RedriveRules& rules) {
  if (letter.Header(kDlqCode).empty()) return LetterFault::kForeign;
  if (!letter.Header(kDlqReference).empty()) return LetterFault::kReference;
  const std::string topic = TopicOf(letter, rules);
  if (!domain::IsTopicName(topic) || topic == rules.dlq_topic || IsInternal(topic))
    return LetterFault::kBadTopic;
  if (topic != rules.default_topic && std::ranges::find(rules.topics, topic) == rules.topics.end()) {
    return LetterFault::kNotRouted;
  }
  if (RedrivesOf(letter) >= rules.redrives_max) return LetterFault::kTooOften;
  return LetterFault::kNone;
}

std::string TopicOf(const StoredLetter& letter, const RedriveRules& rules) {
  const std::string_view topic = letter.Header(kDlqTopic);
  return topic.empty() ? rules.default_topic : std::string(topic);
}

}  // namespace ei::app
