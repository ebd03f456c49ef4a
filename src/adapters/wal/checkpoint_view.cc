#include "adapters/wal/checkpoint_view.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "adapters/wal/log_limits.h"

namespace ei::wal {

namespace {

// No log reaches larger numbers in practice, and counting on from there could overflow.
bool IsPlausible(const Checkpoint& checkpoint, uint64_t generation) {
  return generation < kPositionsMax && checkpoint.durable_end <= kPositionsMax &&
         checkpoint.next_segment <= kSegmentNumbersMax && checkpoint.settled.Below() <= kPositionsMax;
}

}  // namespace

DiskResult<CheckpointView> ViewCheckpoint(Directory& directory) {
  CheckpointView view;
  const auto file = directory.Open(kCheckpointName);
  if (!file && file.error() == ENOENT) return view;
  view.exists = true;
  if (!file && file.error() == EINVAL) {
    view.damage = "is not a file";
    return view;
  }
  if (!file) return std::unexpected(file.error());

  std::vector<char> bytes(kCheckpointSlotBytes);
  for (const uint64_t parity : {0, 1}) {
    CheckpointView::Slot& slot = view.slots[parity];
    const auto got = (*file)->Read(parity * kCheckpointSlotBytes, bytes);
    if (!got && got.error() != EIO) return std::unexpected(got.error());
    const std::string_view content(bytes.data(), got.value_or(0));
    uint64_t generation = 0;
    auto checkpoint = DecodeCheckpoint(content, &generation);
    if (checkpoint && generation % 2 == parity && IsPlausible(*checkpoint, generation)) {
      slot = CheckpointView::Slot::kSound;
      if (view.newest && generation < view.generation) continue;
      view.newest = std::move(checkpoint);
      view.generation = generation;
    } else if (!got || std::ranges::any_of(content, [](char byte) { return byte != '\0'; })) {
      slot = CheckpointView::Slot::kDamaged;
    }
  }
  if (std::ranges::count(view.slots, CheckpointView::Slot::kDamaged) == 2) {
    view.damage = "both of its slots are damaged";
  }
  return view;
}

}  // namespace ei::wal
