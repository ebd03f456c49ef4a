#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "support/random.h"

namespace ei::support {

// What a loss of power may do to a sector that was being written. Without any it holds one of its versions.
enum class Tearing {
  kNone,
  kMixed,        // new bytes in one part, the old ones in the other
  kGarbage,      // also: noise in the bytes that were written
  kWholeSector,  // also: noise in all of it, the synced bytes that share it too
};

// The bytes of one simulated file, twice: as the processes see them (the page cache) and as they stand on the
// medium. Each write leaves behind the sectors that it touched as they were just after it; a sector reaches
// the medium as a whole, in any of its versions since the last sync or in none, whatever the others do.
class SimContent {
 public:
  static constexpr uint64_t kSectorBytes = 512;

  struct Losses {
    uint64_t sectors_kept = 0;
    uint64_t sectors_lost = 0;
    uint64_t sectors_torn = 0;
    bool size_cut = false;
    // Places in the order of all writes to the disk.
    uint64_t first_lost = std::numeric_limits<uint64_t>::max();
    uint64_t last_kept = 0;
  };

  const std::string& Seen() const { return seen_; }
  const std::string& Durable() const { return durable_; }
  bool HasUnsynced() const { return !unsynced_.empty(); }

  // `place` grows from write to write, over all files of the disk.
  void Write(uint64_t offset, std::span<const char> bytes, uint64_t place);

  void Sync();

  // Decides which of the unsynced sectors reach the medium, and where between the durable size and the seen
  // one the file ends there; no unsynced ones are left. What is seen stays as it is.
  Losses LoseUnsynced(Random& random, Tearing tearing);

  // What is seen becomes what a new reading of the medium gives, under the unsynced writes.
  void Reread();

  // For damage from outside, which shows in both; bytes beyond the end are left alone.
  void Flip(uint64_t byte, int bit);
  void Zero(uint64_t offset, uint64_t bytes);
  void Resize(uint64_t bytes);

  // Sectors that can't be read, whatever stands in them, until Heal.
  void MakeUnreadable(uint64_t offset, uint64_t bytes) { unreadable_.emplace_back(offset, offset + bytes); }
  void Heal() { unreadable_.clear(); }
  bool CanBeRead(uint64_t offset, uint64_t bytes) const;

 private:
  // A sector as a write left it.
  struct Version {
    uint64_t place;
    uint64_t start;      // in the file
    uint64_t written;    // of the sector, from here ...
    uint64_t end;        // ... to here: what this write wrote
    uint64_t image;      // where its bytes stand in images_
    uint64_t bytes;      // of the sector; fewer than 512 at the end of the file
    uint64_t file_size;  // after the write
  };

  std::span<const char> Image(const Version& version) const {
    return std::span(images_).subspan(version.image, version.bytes);
  }
  static void Put(std::string& content, uint64_t offset, std::span<const char> bytes);
  bool Tear(const Version& version, std::span<char> image, Random& random, Tearing tearing) const;

  std::string seen_;
  std::string durable_;
  std::vector<std::pair<uint64_t, uint64_t>> unreadable_;  // from, to
  std::vector<Version> unsynced_;                          // oldest first
  std::vector<char> images_;
};

}  // namespace ei::support
