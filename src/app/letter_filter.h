#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/ports/event_decoder.h"
#include "app/stored_letter.h"
#include "base/time.h"

namespace ei::app {

// When the letter's event was given up: what its header says, else when the letter was written.
base::WallTime FailedAt(const StoredLetter& letter);

// How often it was sent back already.
uint64_t RedrivesOf(const StoredLetter& letter);

// Which dead letters are meant. Of an empty list each is; a letter has to be in all the others.
struct LetterFilter {
  std::vector<std::string> codes = {};
  std::vector<std::string> topics = {};  // that refused it
  std::vector<std::string> types = {};   // of the event
  std::vector<std::string> ids = {};
  std::optional<base::WallTime> since = {};  // that it failed at, inclusive
  std::optional<base::WallTime> until = {};  // exclusive

  // Reads the event only for types and ids; what isn't an event has neither.
  bool Matches(const StoredLetter& letter, EventDecoder& decoder) const;
};

// Why a letter can't be sent back.
enum class LetterFault : uint8_t {
  kNone,
  kForeign,    // others wrote it: it has no dlq_code
  kReference,  // the event itself stands in the dead-letter file of the process that refused it
  kBadTopic,   // dlq_topic is no name of a topic, that of the dead letters, or one of Kafka's own
  kNotRouted,  // no event goes to dlq_topic: whoever wrote the letter doesn't decide where it is sent
  kTooOften,   // it has been sent back redrives_max times and died each time
};
inline constexpr size_t kLetterFaultCount = 6;

std::string_view Explain(LetterFault fault);

struct RedriveRules {
  std::string default_topic;  // of letters that name none
  std::string dlq_topic;
  uint64_t redrives_max = 3;
  std::vector<std::string> topics = {};  // that letters may go back to, beside default_topic
};

LetterFault Judge(const StoredLetter& letter, const RedriveRules& rules);

// Where a letter that Judge lets pass goes to.
std::string TopicOf(const StoredLetter& letter, const RedriveRules& rules);

}  // namespace ei::app
