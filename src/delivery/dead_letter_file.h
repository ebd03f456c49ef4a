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

// What became of the dead letters of one Store.
struct StoredDeadLetters {
  std::vector<std::string> places;  // of those that stand now, from the first: for people
  std::string_view code;            // why the others don't, a constant; empty when there are none
  std::string reason;               // the same for people
};

// The last place for events, when the dead-letter topic refuses them too. Thread-safe.
class DeadLetterFile {
 public:
  virtual ~DeadLetterFile() = default;

  // Returns when each dead letter has been synced, or can't be stored for now; may block for as long as the
  // disk takes. Dead letters that are brought again after a fault may stand there twice.
  virtual StoredDeadLetters Store(std::span<const DeadLetterToStore> dead_letters) = 0;
};

}  // namespace ei
