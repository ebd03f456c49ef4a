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

// What a power loss may do to a sector that was being written. Without tearing it holds one of its versions.
enum class Tearing {
  kNone,
  kMixed,        // new bytes in one part, old bytes in the rest
  kGarbage,      // also: noise in the bytes that were written
  kWholeSector,  // also: noise in the whole sector, including synced bytes that share it
};

// The bytes of one simulated file in two states: as processes see them (the page cache) and as they are on
// the medium. Each write records the sectors that it touched as they were after it. A sector reaches the
// medium as a whole, in any of its versions since the last sync or in none, independently of the others.
class SimContent {
 public:
  static constexpr uint64_t kSectorBytes = 512;

  struct Losses {
    uint64_t sectors_kept = 0;
    uint64_t sectors_lost = 0;
    uint64_t sectors_torn = 0;
    bool size_cut = false;
    // Sequence numbers in the order of all writes to the disk.
    uint64_t first_lost = std::numeric_limits<uint64_t>::max();
    uint64_t last_kept = 0;
  };

  const std::string& Seen() const { return seen_; }
  const std::string& Durable() const { return durable_; }
  bool HasUnsynced() const { return !unsynced_.empty(); }

  // `place` is the write's sequence number; it rises with each write to any file of the disk.
  void Write(uint64_t offset, std::span<const char> bytes, uint64_t place);

  void Sync();

  // Decides which unsynced sectors reach the medium, and where the file ends there, between the durable and
  // the seen size. Afterwards no sector is unsynced. The seen content doesn't change.
  Losses LoseUnsynced(Random& random, Tearing tearing);

  // Sets the seen content to what a read from the medium returns, with the unsynced writes applied to it.
  void Reread();

  // For damage from outside: changes both states. Bytes beyond the end are ignored.
  void Flip(uint64_t byte, int bit);
  void Zero(uint64_t offset, uint64_t bytes);
  void Resize(uint64_t bytes);

  // Makes the sectors unreadable, whatever their content, until Heal.
  void MakeUnreadable(uint64_t offset, uint64_t bytes) { unreadable_.emplace_back(offset, offset + bytes); }
  void Heal() { unreadable_.clear(); }
  bool CanBeRead(uint64_t offset, uint64_t bytes) const;

 private:
  // A sector as one write left it.
  struct Version {
    uint64_t place;
    uint64_t start;      // in the file
    uint64_t written;    // written range in the sector, from here ...
    uint64_t end;        // ... to here
    uint64_t image;      // offset of its bytes in images_
    uint64_t bytes;      // size of the sector; fewer than 512 at the end of the file
    uint64_t file_size;  // after the write
  };

  std::span<const char> Image(const Version& version) const {
    return std::span(images_).subspan(version.image, version.bytes);
  }
  static void Put(std::string& content, uint64_t offset, std::span<const char> bytes);
  bool Tear(const Version& version, std::span<char> image, Random& random, Tearing tearing) const;

  std::string seen_;
  std::string durable_;
  std::vector<std::pair<uint64_t, uint64_t>> unreadable_;  // [from, to)
  std::vector<Version> unsynced_;                          // oldest first
  std::vector<char> images_;
};

}  // namespace ei::support
