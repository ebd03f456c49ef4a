#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/random.h"
#include "support/sim_content.h"

namespace ei::support {

// Which of the unsynced name changes survive a power loss.
enum class NameLoss {
  kLast,  // a prefix of them
  kAny,   // any, if all earlier changes of the same names survive too
};

// The names in a simulated folder in two states: as processes see them and as they are on the medium. A
// change, also a rename, is on the medium completely or not at all.
class SimNames {
 public:
  using Table = std::map<std::string, std::shared_ptr<SimContent>>;

  struct Losses {
    uint64_t lost = 0;
    uint64_t reordered = 0;  // survived while an earlier one did not
  };

  const Table& Seen() const { return seen_; }
  const Table& Durable() const { return durable_; }
  // The file as processes see it; nullptr: not found.
  std::shared_ptr<SimContent> Find(const std::string& name) const;

  void Add(const std::string& name, std::shared_ptr<SimContent> content);
  void Rename(const std::string& from, const std::string& to);
  void Remove(const std::string& name);

  void Sync();

  // Decides which unsynced changes reach the medium. Afterwards none is unsynced. The seen names don't
  // change.
  Losses LoseUnsynced(Random& random, NameLoss loss);

  // Sets the seen names to those on the medium.
  void Reread() { seen_ = durable_; }

 private:
  struct Change {
    std::string from;  // removed; empty for a created name
    std::string to;    // added; empty for a removed name
    std::shared_ptr<SimContent> content;
  };

  void Make(Change change);
  static void Apply(Table& table, const Change& change);

  Table seen_;
  Table durable_;
  std::vector<Change> unsynced_;  // oldest first
};

}  // namespace ei::support
