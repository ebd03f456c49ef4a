#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/result.h"
#include "base/time.h"
#include "redrive/dead_letter_record.h"

namespace ei {

// The progress through dead letters: for each part (a partition, or a segment of the file) the offset of the
// first dead letter that is not processed yet.
using DeadLetterOffsets = std::map<uint64_t, uint64_t>;

// The dead letters that were in a topic or file when it was opened. Those of each part come in order. Used by
// one thread.
class DeadLetterSource {
 public:
  virtual ~DeadLetterSource() = default;

  // nullopt: none arrived within `wait`, or the end is reached.
  virtual base::Result<std::optional<DeadLetterRecord>> Next(base::Duration wait) = 0;

  virtual bool AtEnd() const = 0;

  // The progress after the last dead letter that Next returned, including records that were skipped since.
  virtual DeadLetterOffsets Places() const = 0;

  // Progress in a unit that the source chooses; `total` is the distance from its start to its end.
  struct Distance {
    uint64_t done = 0;
    uint64_t total = 0;
  };
  virtual Distance Read() const = 0;
};

}  // namespace ei
