#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "delivery/event_sink.h"

namespace ei {

struct DeadLetterToStore {
  EventView event;
  DeadLetterNote note;
};

// The result of one Store.
struct StoredDeadLetters {
  std::vector<std::string> places;  // where the stored ones are, from the first on; human-readable
  std::string_view code;            // why the others were not stored, a constant; empty if all were
  std::string reason;               // the same, human-readable
};

// The last place for events, used if the dead-letter topic rejects them too. Thread-safe.
class DeadLetterFile {
 public:
  virtual ~DeadLetterFile() = default;

  // Returns once each dead letter is synced to the disk or can't be stored for now. May block for as long as
  // the disk takes. A dead letter that is passed again after a fault may be in the file twice.
  virtual StoredDeadLetters Store(std::span<const DeadLetterToStore> dead_letters) = 0;
};

}  // namespace ei
