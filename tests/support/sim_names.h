#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "support/random.h"
#include "support/sim_content.h"

namespace ei::support {

// Which of the unsynced changes of names survive a loss of power.
enum class NameLoss {
  kLast,  // the first ones, up to some point
  kAny,   // any, as long as all earlier ones of the same names survive too
};

// The names in a simulated folder, twice: as the processes see them and as they stand on the medium. A change
// is on the medium whole or not at all, a renaming too.
class SimNames {
 public:
  using Table = std::map<std::string, std::shared_ptr<SimContent>>;

  struct Losses {
    uint64_t lost = 0;
    uint64_t reordered = 0;  // survived an earlier one that did not
  };

  const Table& Seen() const { return seen_; }
  const Table& Durable() const { return durable_; }
  // As it is seen, nullptr when there is none.
  std::shared_ptr<SimContent> Find(const std::string& name) const;

  void Add(const std::string& name, std::shared_ptr<SimContent> content);
  void Rename(const std::string& from, const std::string& to);
  void Remove(const std::string& name);

  void Sync();

  // Decides which unsynced changes reach the medium; none is left. What is seen stays as it is.
  Losses LoseUnsynced(Random& random, NameLoss loss);

  // What is seen becomes what stands on the medium.
  void Reread() { seen_ = durable_; }

 private:
  struct Change {
    std::string from;  // goes; empty for a name that is made
    std::string to;    // comes; empty for a name that is removed
    std::shared_ptr<SimContent> content;
  };

  void Make(Change change);
  static void Apply(Table& table, const Change& change);

  Table seen_;
  Table durable_;
  std::vector<Change> unsynced_;  // oldest first
};

}  // namespace ei::support
