#include "bench/id_table.h"

#include <functional>
#include <limits>
#include <string>

namespace ei::bench {

namespace {
constexpr std::size_t kFirstSlots = 1024;
}

IdTable::IdTable(std::size_t ids_max) : ids_max_(ids_max), slots_(kFirstSlots) {}

std::size_t IdTable::Probe(std::string_view id) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = std::hash<std::string_view>()(id) & mask;
  while (slots_[at].used && IdOf(slots_[at]) != id) at = (at + 1) & mask;
  return at;
}

void IdTable::Grow() {
  const std::vector<Slot> before = std::move(slots_);
  slots_.assign(before.size() * 2, Slot{});
  for (const Slot& slot : before) {
    if (slot.used) slots_[Probe(IdOf(slot))] = slot;
  }
}

base::Result<IdTable::Slot*> IdTable::FindOrAdd(std::string_view id) {
  if (id.size() > std::numeric_limits<std::uint16_t>::max()) {
    return base::Fail(base::ErrorKind::kInvalid, "an id of " + std::to_string(id.size()) + " bytes");
  }
  if ((ids_ + 1) * 3 > slots_.size() * 2) Grow();
  Slot& slot = slots_[Probe(id)];
  if (!slot.used) {
    if (ids_ == ids_max_) {
      return base::Fail(base::ErrorKind::kInvalid,
                        "more than " + std::to_string(ids_max_) + " different ids; raise --ids-max");
    }
    slot = {.offset = arena_.size(), .size = static_cast<std::uint16_t>(id.size()), .used = true};
    arena_.insert(arena_.end(), id.begin(), id.end());
    ++ids_;
  }
  return &slot;
}

base::Result<void> IdTable::AddAccepted(std::string_view id) {
  const auto slot = FindOrAdd(id);
  if (!slot) return std::unexpected(slot.error());
  (*slot)->accepted = true;
  return {};
}

base::Result<bool> IdTable::AddArrived(std::string_view id) {
  const auto slot = FindOrAdd(id);
  if (!slot) return std::unexpected(slot.error());
  return ++(*slot)->arrived == 1;
}

IdTable::Comparison IdTable::Compare() const {
  Comparison found;
  for (const Slot& slot : slots_) {
    if (!slot.used) continue;
    found.ledger += slot.accepted ? 1 : 0;
    found.records += slot.arrived;
    found.distinct += slot.arrived > 0 ? 1 : 0;
    found.missing += slot.accepted && slot.arrived == 0 ? 1 : 0;
    found.duplicates += slot.arrived > 1 ? slot.arrived - 1 : 0;
    found.extra += slot.accepted ? 0 : 1;
  }
  return found;
}

std::vector<std::string_view> IdTable::Missing(std::size_t limit) const {
  std::vector<std::string_view> missing;
  for (const Slot& slot : slots_) {
    if (missing.size() == limit) break;
    if (slot.used && slot.accepted && slot.arrived == 0) missing.push_back(IdOf(slot));
  }
  return missing;
}

}  // namespace ei::bench
