#include "support/sim_disk_counts.h"

namespace ei::support {

namespace {

constexpr std::pair<const char*, uint64_t SimDiskCounts::*> kRows[] = {
    {"crashes", &SimDiskCounts::crashes},
    {"crashes that lose something", &SimDiskCounts::crashes_losing},
    {"crashes that reorder sectors", &SimDiskCounts::crashes_reordering},
    {"process kills", &SimDiskCounts::process_kills},
    {"stops between operations", &SimDiskCounts::stops},
    {"sectors kept", &SimDiskCounts::sectors_kept},
    {"sectors lost", &SimDiskCounts::sectors_lost},
    {"sectors torn", &SimDiskCounts::sectors_torn},
    {"sizes cut", &SimDiskCounts::sizes_cut},
    {"names lost", &SimDiskCounts::names_lost},
    {"names reordered", &SimDiskCounts::names_reordered},
    {"short writes", &SimDiskCounts::short_writes},
    {"disk full", &SimDiskCounts::disk_full},
    {"lost syncs", &SimDiskCounts::lost_syncs},
    {"damages", &SimDiskCounts::damages},
    {"reads of unreadable sectors", &SimDiskCounts::unreadable},
};

constexpr std::pair<const char*, SimDiskCounts::ByCall SimDiskCounts::*> kRowsByCall[] = {
    {"calls of ", &SimDiskCounts::calls},
    {"EIO on ", &SimDiskCounts::eio},
    {"ENOSPC on ", &SimDiskCounts::no_space},
};

constexpr const char* kCallNames[kDiskCalls] = {"create", "open",  "rename", "remove", "sync of names",
                                                "list",   "write", "read",   "sync",   "size"};

static_assert(sizeof(SimDiskCounts) ==
                  sizeof(uint64_t) * (std::size(kRows) + std::size(kRowsByCall) * kDiskCalls),
              "each number has its row");

}  // namespace

void SimDiskCounts::Add(const SimDiskCounts& other) {
  for (const auto& [name, number] : kRows) this->*number += other.*number;
  for (const auto& [name, numbers] : kRowsByCall) {
    for (size_t call = 0; call < kDiskCalls; ++call) (this->*numbers)[call] += (other.*numbers)[call];
  }
}

std::vector<std::pair<std::string, uint64_t>> SimDiskCounts::Rows() const {
  std::vector<std::pair<std::string, uint64_t>> rows;
  for (const auto& [name, number] : kRows) rows.emplace_back(name, this->*number);
  for (const auto& [name, numbers] : kRowsByCall) {
    for (size_t call = 0; call < kDiskCalls; ++call) {
      rows.emplace_back(std::string(name) + kCallNames[call], (this->*numbers)[call]);
    }
  }
  return rows;
}

}  // namespace ei::support
