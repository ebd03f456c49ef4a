#include "support/sim_names.h"

#include <set>
#include <utility>

namespace ei::support {

std::shared_ptr<SimContent> SimNames::Find(const std::string& name) const {
  const auto found = seen_.find(name);
  return found == seen_.end() ? nullptr : found->second;
}

void SimNames::Add(const std::string& name, std::shared_ptr<SimContent> content) {
  Make({"", name, std::move(content)});
}

void SimNames::Rename(const std::string& from, const std::string& to) {
  if (from != to) Make({from, to, seen_.at(from)});
}

void SimNames::Remove(const std::string& name) { Make({name, "", nullptr}); }

void SimNames::Make(Change change) {
  Apply(seen_, change);
  unsynced_.push_back(std::move(change));
}

void SimNames::Apply(Table& table, const Change& change) {
  table.erase(change.from);
  if (!change.to.empty()) table[change.to] = change.content;
}

// Applies change by change: a lost sync may also have left names that differ from the medium.
void SimNames::Sync() {
  for (const Change& change : unsynced_) Apply(durable_, change);
  unsynced_.clear();
}

SimNames::Losses SimNames::LoseUnsynced(Random& random, NameLoss loss) {
  Losses losses;
  const uint64_t quarters = random.Below(5);
  const uint64_t first_lost = random.Below(unsynced_.size() + 1);
  std::set<std::string> stale;  // names with a lost change, so their later changes are lost too
  for (size_t i = 0; i < unsynced_.size(); ++i) {
    const Change& change = unsynced_[i];
    const bool kept = loss == NameLoss::kLast ? i < first_lost
                                              : !stale.contains(change.from) && !stale.contains(change.to) &&
                                                    random.Below(4) < quarters;
    if (kept) {
      Apply(durable_, change);
      if (losses.lost > 0) ++losses.reordered;
      continue;
    }
    ++losses.lost;
    for (const std::string& name : {change.from, change.to}) {
      if (!name.empty()) stale.insert(name);
    }
  }
  unsynced_.clear();
  return losses;
}

}  // namespace ei::support
