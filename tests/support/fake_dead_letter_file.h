#pragma once

#include <string>
#include <vector>

#include "delivery/dead_letter_file.h"

namespace ei::support {

// A dead-letter file in memory. It stores `room` more dead letters, then reports that it is full. Places are
// "place-0", "place-1" and so on. Not thread-safe.
class FakeDeadLetterFile final : public DeadLetterFile {
 public:
  struct Stored {
    std::string value;
    std::string code;
    std::string reason;
    std::string topic;
    uint32_t attempts = 0;
  };

  StoredDeadLetters Store(std::span<const DeadLetterToStore> dead_letters) override {
    ++calls;
    StoredDeadLetters filed;
    for (const auto& [event, note] : dead_letters) {
      if (room == 0) {
        filed.code = "dead_letter_file_full";
        filed.reason = "no room";
        break;
      }
      --room;
      filed.places.push_back("place-" + std::to_string(stored.size()));
      stored.push_back({std::string(event.value), std::string(note.code), std::string(note.reason),
                        std::string(note.topic), note.attempts});
    }
    return filed;
  }

  size_t room = 1000;
  std::vector<Stored> stored;
  int calls = 0;
};

}  // namespace ei::support
