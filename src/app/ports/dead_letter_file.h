#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/ports/event_sink.h"

namespace ei::app {

struct LetterForFile {
  EventView event;
  DeadLetterNote note;
};

// What became of the letters of one Store.
struct FiledLetters {
  std::vector<std::string> places;  // of those that stand now, from the first: for people
  std::string_view code;            // why the others don't, a constant; empty when there are none
  std::string reason;               // the same for people
};

// The last place for events, when the dead-letter topic refuses them too. Thread-safe.
class DeadLetterFile {
 public:
  virtual ~DeadLetterFile() = default;

  // Returns when each letter has been synced, or can't be stored for now; may block for as long as the disk
  // takes. Letters that are brought again after a fault may stand there twice.
  virtual FiledLetters Store(std::span<const LetterForFile> letters) = 0;
};

}  // namespace ei::app
