#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "ingest/event_decoder.h"
#include "redrive/dead_letter_record.h"

namespace ei {

// When the delivery of the event failed: the value of dlq_failed_at, or else the time when the dead letter
// was written.
base::WallTime FailedAt(const DeadLetterRecord& dead_letter);

// How often it was redriven already (dlq_redrives).
uint64_t RedrivesOf(const DeadLetterRecord& dead_letter);

// Selects dead letters. An empty list matches every dead letter; a dead letter has to match all other lists.
struct DeadLetterFilter {
  std::vector<std::string> codes = {};
  std::vector<std::string> topics = {};  // the topics that rejected it
  std::vector<std::string> types = {};   // of the event
  std::vector<std::string> ids = {};
  std::optional<base::WallTime> since = {};  // of the failure, inclusive
  std::optional<base::WallTime> until = {};  // of the failure, exclusive

  // Decodes the event only if types or ids are given. A value that isn't an event has no type and no id.
  bool Matches(const DeadLetterRecord& dead_letter, EventDecoder& decoder) const;
};

// Why a dead letter can't be redriven.
enum class RedriveFault : uint8_t {
  kNone,
  kForeign,    // not written by this service: it has no dlq_code
  kReference,  // the event itself is in the dead-letter file of the process that wrote the reference
  kBadTopic,   // dlq_topic is not a valid topic name, or is the dead-letter topic or an internal topic
  kNotRouted,  // no event is routed to dlq_topic; a dead letter's author must not decide where it is sent
  kTooOften,   // it was redriven redrives_max times already, and failed each time
};
inline constexpr size_t kRedriveFaultCount = 6;

std::string_view Explain(RedriveFault fault);

struct RedriveRules {
  std::string default_topic;  // for dead letters without dlq_topic
  std::string dlq_topic;
  uint64_t redrives_max = 3;
  std::vector<std::string> topics = {};  // allowed destinations in addition to default_topic
};

// Checks whether the dead letter can be redriven.
RedriveFault Judge(const DeadLetterRecord& dead_letter, const RedriveRules& rules);

// The topic to which a dead letter that Judge accepts is redriven.
std::string TopicOf(const DeadLetterRecord& dead_letter, const RedriveRules& rules);

}  // namespace ei
