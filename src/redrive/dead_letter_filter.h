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

// When the dead letter's event was given up: what its header says, else when the dead letter was written.
base::WallTime FailedAt(const DeadLetterRecord& dead_letter);

// How often it was sent back already.
uint64_t RedrivesOf(const DeadLetterRecord& dead_letter);

// Which dead letters are meant. Of an empty list each is; a dead letter has to be in all the others.
struct DeadLetterFilter {
  std::vector<std::string> codes = {};
  std::vector<std::string> topics = {};  // that refused it
  std::vector<std::string> types = {};   // of the event
  std::vector<std::string> ids = {};
  std::optional<base::WallTime> since = {};  // that it failed at, inclusive
  std::optional<base::WallTime> until = {};  // exclusive

  // Reads the event only for types and ids; what isn't an event has neither.
  bool Matches(const DeadLetterRecord& dead_letter, EventDecoder& decoder) const;
};

// Why a dead letter can't be sent back.
enum class RedriveFault : uint8_t {
  kNone,
  kForeign,    // others wrote it: it has no dlq_code
  kReference,  // the event itself stands in the dead-letter file of the process that refused it
  kBadTopic,   // dlq_topic is no name of a topic, that of the dead letters, or one of Kafka's own
  kNotRouted,  // no event goes to dlq_topic: whoever wrote the dead letter doesn't decide where it is sent
  kTooOften,   // it has been sent back redrives_max times and died each time
};
inline constexpr size_t kRedriveFaultCount = 6;

std::string_view Explain(RedriveFault fault);

struct RedriveRules {
  std::string default_topic;  // of dead letters that name none
  std::string dlq_topic;
  uint64_t redrives_max = 3;
  std::vector<std::string> topics = {};  // that dead letters may go back to, beside default_topic
};

RedriveFault Judge(const DeadLetterRecord& dead_letter, const RedriveRules& rules);

// Where a dead letter that Judge lets pass goes to.
std::string TopicOf(const DeadLetterRecord& dead_letter, const RedriveRules& rules);

}  // namespace ei
