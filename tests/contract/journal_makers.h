#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/memory_journal/memory_journal.h"
#include "app/ports/journal.h"

namespace ei::contract {

struct JournalShape {
  uint64_t events_max = 1'000;
  uint64_t bytes_max = 4 << 20;  // 1 MiB is the least that the settings allow
  size_t lanes = 4;
};

// Every adapter of the journal port stands here once and has to pass the whole contract.
struct JournalMaker {
  std::string name;
  std::function<std::unique_ptr<app::Journal>(const JournalShape&)> make;
};

inline std::vector<JournalMaker> JournalMakers() {
  return {{"Memory", [](const JournalShape& shape) -> std::unique_ptr<app::Journal> {
             return std::make_unique<memory_journal::MemoryJournal>(
                 memory_journal::MemoryJournal::Options{shape.events_max, shape.bytes_max, shape.lanes});
           }}};
}

}  // namespace ei::contract
