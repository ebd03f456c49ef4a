#include "adapters/wal/quarantine.h"

#include <algorithm>
#include <utility>

namespace ei::wal {

void Quarantine::NoteDamaged(Segment& segment) {
  if (!std::exchange(segment.damaged, true)) unmarked_.push_back(segment.header.number);
}

void Quarantine::NoteMarked(std::span<const uint64_t> numbers) {
  std::erase_if(unmarked_, [&](uint64_t number) { return std::ranges::count(numbers, number) > 0; });
}

void Quarantine::Add(uint64_t number, uint64_t bytes) {
  if (files_.emplace(number, bytes).second) bytes_ += bytes;
}

size_t Quarantine::KeepOnly(const std::set<uint64_t>& there) {
  return std::erase_if(files_, [&](const auto& file) {
    if (there.contains(file.first)) return false;
    bytes_ -= file.second;
    return true;
  });
}

}  // namespace ei::wal
