#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "redrive/dead_letter_record.h"
#include "redrive/dead_letter_source.h"

namespace ei {

// A dead letter whose key and value are to be written to `topic` with these headers.
struct Redelivery {
  const DeadLetterRecord* dead_letter = nullptr;
  std::string topic;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct CommitOutcome {
  enum class RecordStatus : uint8_t {
    kOpen,     // not written
    kWritten,  // written to its topic, although the commit failed
    kRefused,  // not written, and would be rejected again
  };
  struct RecordOutcome {
    RecordStatus fate = RecordStatus::kOpen;
    std::string_view code = {};  // if rejected: a stable code, a constant
    std::string reason = {};     // the same, human-readable
  };

  bool committed = false;  // everything is written, and the places are saved
  bool stopped = false;    // not committed because of the caller's stop; a later run starts before these

  // If not committed: one for each dead letter. If there are several, all of them may be kOpen when it isn't
  // known which one caused the fault; a single one is not kOpen.
  std::vector<RecordOutcome> outcomes = {};
};

// Where dead letters are redriven to, and where the progress is saved.
class RedriveTarget {
 public:
  virtual ~RedriveTarget() = default;

  // Writes the dead letters and saves the places, in one step if possible. Retries while the brokers are
  // unreachable. Returns an error for failures that a retry doesn't resolve.
  virtual base::Result<CommitOutcome> Commit(std::span<const Redelivery> dead_letters,
                                             const DeadLetterOffsets& places) = 0;
};

}  // namespace ei
