#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/wal/disk.h"
#include "support/random.h"
#include "support/sim_content.h"
#include "support/sim_disk_counts.h"
#include "support/sim_fault_plan.h"
#include "support/sim_names.h"

namespace ei::support {

struct SimDiskOptions {
  uint64_t capacity_bytes = std::numeric_limits<uint64_t>::max();  // in whole sectors, of files with a name
  Tearing tearing = Tearing::kNone;
  NameLoss name_loss = NameLoss::kLast;
};

// A disk in memory that behaves as badly as a real one may and keeps no more than it promised: of a file,
// what its own Sync covered; of names, what the Sync of the folder covered. Everything comes from the seed,
// so the same calls give the same results.
//
//   SimDisk disk(seed, {.tearing = Tearing::kMixed, .name_loss = NameLoss::kAny});
//   auto folder = disk.Mount();
//   disk.FailOneIn(DiskCall::kWrite, 50, DiskFault::kShort);
//   disk.StopAfter(random.Below(200));  // the power goes between two operations
//   ... run the log on *folder until disk.Stopped() ...
//   disk.Crash();
//   folder = disk.Mount();              // what a restart finds
//
// Lives longer than what it hands out. Not thread-safe.
class SimDisk {
 public:
  explicit SimDisk(uint64_t seed, const SimDiskOptions& options = {}) : options_(options), random_(seed) {}
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  // A process's access to the disk. It and the files opened through it fail with EIO, and do nothing, once
  // the process is dead: from Crash, KillProcess or the end of StopAfter on. List gives the names in any
  // order.
  std::unique_ptr<wal::Directory> Mount();

  // A loss of power: of what was not synced, anything may survive (SimContent, SimNames).
  void Crash();
  // The process dies, the machine does not: a new Mount sees all that was written, and it is as unsynced as
  // it was.
  void KillProcess();
  // The next `operations` run as ever; then the process is dead, between two operations. Crash and
  // KillProcess end the count.
  void StopAfter(uint64_t operations) { operations_left_ = operations; }
  bool Stopped() const { return operations_left_ == 0; }
  // The machine forgets what it need not write: after a lost sync, that shows what stands on the medium.
  void EvictCleanPages();

  // As in SimFaultPlan.
  void FailNth(DiskCall call, uint64_t nth, DiskFault fault) { plan_.FailNth(call, nth, fault); }
  void FailOneIn(DiskCall call, uint64_t n, DiskFault fault) { plan_.FailOneIn(call, n, fault); }
  void FailNoMore() { plan_.FailNoMore(); }
  void SetCapacity(uint64_t bytes) { options_.capacity_bytes = bytes; }

  // Damage from outside, to a file that is there; durable at once. A place behind its end changes nothing.
  void FlipBit(const std::string& name, uint64_t byte, int bit);
  void ZeroRange(const std::string& name, uint64_t offset, uint64_t bytes);
  void Truncate(const std::string& name, uint64_t bytes);
  // From now on each reading of these bytes gives EIO; they are as they were once Heal was called.
  void MakeUnreadable(const std::string& name, uint64_t offset, uint64_t bytes);
  void Heal();
  void Heal(const std::string& name);
  // Settles all names first.
  void RemoveFile(const std::string& name);
  // Puts a file there, in place of any other. Settles all names first.
  void PutFile(const std::string& name, const std::string& bytes);

  // Names in order, and a file's bytes: as a process sees them, and as they would be if all that is unsynced
  // were lost.
  std::vector<std::string> SeenNames() const;
  std::vector<std::string> DurableNames() const;
  const std::string& Seen(const std::string& name) const { return names_.Seen().at(name)->Seen(); }
  const std::string& Durable(const std::string& name) const { return names_.Durable().at(name)->Durable(); }
  uint64_t UsedBytes() const;

  uint64_t OpenFiles() const { return *open_files_; }

  const SimDiskCounts& Counts() const { return counts_; }

 private:
  class Folder;
  class OpenFile;

  // Counts the call. False for a dead process.
  bool Begin(uint64_t process, DiskCall call);
  std::optional<DiskFault> NextFault(DiskCall call);
  // The errno of a call that can only fail whole, or 0.
  int Refusal(uint64_t process, DiskCall call);
  void EndProcess();

  wal::DiskResult<size_t> Write(SimContent& content, uint64_t offset, std::span<const char> bytes);
  wal::DiskResult<void> Sync(SimContent& content);
  wal::DiskResult<void> SyncNames();
  uint64_t Room(const SimContent& content, uint64_t offset) const;

  SimDiskOptions options_;
  Random random_;
  SimFaultPlan plan_;
  SimNames names_;
  SimDiskCounts counts_;
  uint64_t process_ = 1;                     // that lives
  uint64_t writes_ = 0;                      // places in the order of writes
  std::optional<uint64_t> operations_left_;  // of StopAfter
  std::shared_ptr<uint64_t> open_files_ = std::make_shared<uint64_t>(0);
};

}  // namespace ei::support
