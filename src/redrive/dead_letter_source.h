#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/result.h"
#include "base/time.h"
#include "redrive/dead_letter_record.h"

namespace ei {

// How far dead letters have been dealt with: for each part (a partition, a segment of the file) the offset of
// the first that has not.
using DeadLetterOffsets = std::map<uint64_t, uint64_t>;

// The dead letters that stood in a topic or file when it was opened, each part in its order. One thread.
class DeadLetterSource {
 public:
  virtual ~DeadLetterSource() = default;

  // nullopt: none came within `wait`, or the end is reached.
  virtual base::Result<std::optional<DeadLetterRecord>> Next(base::Duration wait) = 0;

  virtual bool AtEnd() const = 0;

  // Behind the last dead letter that Next gave, and what it passed over since.
  virtual DeadLetterOffsets Places() const = 0;

  // In a unit of the source's own, of which there were `total` from its start to its end.
  struct Distance {
    uint64_t done = 0;
    uint64_t total = 0;
  };
  virtual Distance Read() const = 0;
};

}  // namespace ei
