#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "adapters/wal/segment_table.h"

namespace ei::wal {

// Damaged segments that have no mark on the disk yet, and the files that are quarantined. Such a file may be
// the only copy of some events, so this service never removes it; it uses disk space until an operator moves
// it away. Not thread-safe.
class Quarantine {
 public:
  // Events of the segment are lost.
  void NoteDamaged(Segment& segment);
  // Numbers of the damaged segments that have no mark on the disk yet.
  const std::vector<uint64_t>& Unmarked() const { return unmarked_; }
  void NoteMarked(std::span<const uint64_t> numbers);

  // Adds the file of a segment; no effect if it was added before.
  void Add(uint64_t number, uint64_t bytes);
  // Forgets the files whose numbers are not in `there`; returns how many.
  size_t KeepOnly(const std::set<uint64_t>& there);

  size_t Files() const { return files_.size(); }
  uint64_t Bytes() const { return bytes_; }  // of all files

 private:
  std::vector<uint64_t> unmarked_;
  std::map<uint64_t, uint64_t> files_;  // number -> size in bytes
  uint64_t bytes_ = 0;
};

}  // namespace ei::wal
