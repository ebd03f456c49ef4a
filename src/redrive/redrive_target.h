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

// A dead letter's key and value, to be written to `topic` with these headers.
struct Redelivery {
  const DeadLetterRecord* dead_letter = nullptr;
  std::string topic;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct CommitOutcome {
  enum class RecordStatus : uint8_t {
    kOpen,     // not written
    kWritten,  // stands in its topic, although the commit failed
    kRefused,  // not written, and would be refused again
  };
  struct RecordOutcome {
    RecordStatus fate = RecordStatus::kOpen;
    std::string_view code = {};  // refused: a stable one, a constant
    std::string reason = {};     // the same for people
  };

  bool committed = false;  // all of it is written, and the places are saved
  bool stopped = false;  // not committed, since the caller's stop was seen; a later run goes on before these

  // Not committed: one for each dead letter. All of several may be open when the fault of one can't be told
  // from that of the others; one alone is not.
  std::vector<RecordOutcome> outcomes = {};
};

// Where dead letters are sent back to, and where it is kept how far that has come.
class RedriveTarget {
 public:
  virtual ~RedriveTarget() = default;

  // Writes the dead letters and saves the places, if it can in one step. Waits for as long as the brokers are
  // away. A failure is one that waiting doesn't mend.
  virtual base::Result<CommitOutcome> Commit(std::span<const Redelivery> dead_letters,
                                             const DeadLetterOffsets& places) = 0;
};

}  // namespace ei
