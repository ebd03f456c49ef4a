#include "adapters/wal/checkpoint.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "adapters/wal/little_endian.h"
#include "adapters/wal/log_limits.h"
#include "adapters/wal/read_write.h"
#include "base/crc32c.h"

namespace ei::wal {

namespace {

constexpr std::string_view kMagic = "EI-CHKP1";
constexpr uint64_t kGenerationsMax = uint64_t{1} << 62;
constexpr size_t kFixedBytes = 8 + 4 + 5 * 8 + 4;
constexpr size_t kRunBytes = 16;
constexpr size_t kRunsMax = (kCheckpointSlotBytes - kFixedBytes) / kRunBytes;

// The offset of a generation's slot. Consecutive generations use different slots.
uint64_t SlotOffset(uint64_t generation) { return generation % 2 * kCheckpointSlotBytes; }

DiskResult<std::optional<Checkpoint>> Newest(File& file, uint64_t& generation) {
  std::optional<Checkpoint> newest;
  std::vector<char> slot(kCheckpointSlotBytes);
  for (const uint64_t parity : {0, 1}) {
    const auto got = file.Read(SlotOffset(parity), slot);
    if (!got) return std::unexpected(got.error());
    uint64_t found = 0;
    auto checkpoint = DecodeCheckpoint({slot.data(), *got}, &found);
    if (!checkpoint || found % 2 != parity || (newest && found < generation)) continue;
    newest = std::move(checkpoint);
    generation = found;
  }
  return newest;
}

}  // namespace

std::string EncodeCheckpoint(const Checkpoint& checkpoint, uint64_t generation) {
  const auto& runs = checkpoint.settled.Runs();
  const size_t count = std::min(runs.size(), kRunsMax);
  std::string fields;
  AppendNumber(fields, generation);
  AppendNumber(fields, checkpoint.durable_end);
  AppendNumber(fields, checkpoint.next_segment);
  AppendNumber(fields, checkpoint.settled.Below());
  AppendNumber(fields, static_cast<uint32_t>(count));
  auto run = runs.begin();
  for (size_t i = 0; i < count; ++i, ++run) {
    AppendNumber(fields, run->first);
    AppendNumber(fields, run->second);
  }
  std::string slot(kMagic);
  AppendNumber(slot, base::Crc32c(fields));
  return slot.append(fields);
}

std::optional<Checkpoint> DecodeCheckpoint(std::string_view slot, uint64_t* generation) {
  constexpr size_t kFieldsMin = 4 * 8 + 4;
  if (slot.size() < kMagic.size() + 4 + kFieldsMin || !slot.starts_with(kMagic)) return std::nullopt;
  slot.remove_prefix(kMagic.size());
  const auto crc = TakeNumber<uint32_t>(slot);
  std::string_view fields = slot;
  const auto found_generation = TakeNumber<uint64_t>(slot);
  Checkpoint checkpoint;
  checkpoint.durable_end = TakeNumber<uint64_t>(slot);
  checkpoint.next_segment = TakeNumber<uint64_t>(slot);
  checkpoint.settled = SettledMap(TakeNumber<uint64_t>(slot));
  const auto count = TakeNumber<uint32_t>(slot);
  if (slot.size() / kRunBytes < count) return std::nullopt;
  fields = fields.substr(0, kFieldsMin + count * kRunBytes);
  if (base::Crc32c(fields) != crc) return std::nullopt;
  if (std::max(checkpoint.durable_end, checkpoint.settled.Below()) > kPositionsMax ||
      checkpoint.next_segment > kSegmentNumbersMax || found_generation > kGenerationsMax) {
    return std::nullopt;
  }
  for (uint32_t i = 0; i < count; ++i) {
    const auto begin = TakeNumber<uint64_t>(slot);
    const auto end = TakeNumber<uint64_t>(slot);
    if (end > kPositionsMax) return std::nullopt;
    checkpoint.settled.Mark(begin, end);
  }
  *generation = found_generation;
  return checkpoint;
}

DiskResult<CheckpointFile> CheckpointFile::Renew(Directory& directory, const Checkpoint& checkpoint) {
  if (auto removed = directory.Remove(kUnfinishedCheckpointName); !removed && removed.error() != ENOENT) {
    return std::unexpected(removed.error());
  }
  auto made = directory.Create(kUnfinishedCheckpointName);
  if (!made) return std::unexpected(made.error());
  CheckpointFile file(std::move(*made), 0);
  DiskResult<void> done = FillWithZeros(*file.file_, 0, 2 * kCheckpointSlotBytes);
  if (done) done = file.Save(checkpoint);
  if (done) done = directory.Rename(kUnfinishedCheckpointName, kCheckpointName);
  if (!done) return std::unexpected(done.error());
  return file;
}

DiskResult<CheckpointFile> CheckpointFile::Reuse(Directory& directory) {
  auto file = directory.Open(kCheckpointName);
  if (!file) return std::unexpected(file.error());
  uint64_t generation = 0;
  if (const auto newest = Newest(**file, generation); !newest) return std::unexpected(newest.error());
  return CheckpointFile(std::move(*file), generation);
}

DiskResult<std::optional<Checkpoint>> CheckpointFile::Read(Directory& directory) {
  const auto file = directory.Open(kCheckpointName);
  if (!file && file.error() == ENOENT) return std::nullopt;
  if (!file) return std::unexpected(file.error());
  uint64_t generation = 0;
  return Newest(**file, generation);
}

DiskResult<void> CheckpointFile::Save(const Checkpoint& checkpoint) {
  const uint64_t generation = generation_ + 1;
  const std::string slot = EncodeCheckpoint(checkpoint, generation);
  if (auto written = WriteAll(*file_, SlotOffset(generation), slot); !written) return written;
  if (auto synced = file_->Sync(); !synced) return synced;
  generation_ = generation;
  return {};
}

}  // namespace ei::wal
