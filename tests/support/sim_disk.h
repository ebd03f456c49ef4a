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

// A disk in memory that may behave as badly as a real one and keeps only what it guarantees: of a file, the
// data covered by its Sync; of names, the changes covered by a sync of the folder. All behaviour is derived
// from the seed: the same calls give the same results.
//
//   SimDisk disk(seed, {.tearing = Tearing::kMixed, .name_loss = NameLoss::kAny});
//   auto folder = disk.Mount();
//   disk.FailOneIn(DiskCall::kWrite, 50, DiskFault::kShort);
//   disk.StopAfter(random.Below(200));  // power is lost between two operations
//   ... run the log on *folder until disk.Stopped() ...
//   disk.Crash();
//   folder = disk.Mount();              // the state that a restart finds
//
// Must outlive the objects that it returns. Not thread-safe.
class SimDisk {
 public:
  explicit SimDisk(uint64_t seed, const SimDiskOptions& options = {}) : options_(options), random_(seed) {}
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  // A process's access to the disk. Once the process is dead (after Crash, KillProcess or the operations of
  // StopAfter), the folder and the files opened through it fail with EIO and do nothing. List returns the
  // names in any order.
  std::unique_ptr<wal::Directory> Mount();

  // Simulates a power loss: any part of the unsynced data may survive (SimContent, SimNames).
  void Crash();
  // Simulates a killed process on a running machine: a new Mount sees all that was written. Unsynced data
  // stays unsynced.
  void KillProcess();
  // The next `operations` operations run as usual; then the process is dead, between two operations. Crash
  // and KillProcess end the count.
  void StopAfter(uint64_t operations) { operations_left_ = operations; }
  bool Stopped() const { return operations_left_ == 0; }
  // Drops cached pages that need not be written: after a lost sync, reads return the medium's content.
  void EvictCleanPages();

  // As in SimFaultPlan.
  void FailNth(DiskCall call, uint64_t nth, DiskFault fault) { plan_.FailNth(call, nth, fault); }
  void FailOneIn(DiskCall call, uint64_t n, DiskFault fault) { plan_.FailOneIn(call, n, fault); }
  void FailNoMore() { plan_.FailNoMore(); }
  void SetCapacity(uint64_t bytes) { options_.capacity_bytes = bytes; }

  // Damages an existing file from outside; durable at once. Offsets after its end have no effect.
  void FlipBit(const std::string& name, uint64_t byte, int bit);
  void ZeroRange(const std::string& name, uint64_t offset, uint64_t bytes);
  void Truncate(const std::string& name, uint64_t bytes);
  // Makes every read of these bytes fail with EIO. After Heal they read as before.
  void MakeUnreadable(const std::string& name, uint64_t offset, uint64_t bytes);
  void Heal();
  void Heal(const std::string& name);
  // Makes all pending name changes durable first.
  void RemoveFile(const std::string& name);
  // Creates or replaces a file. Makes all pending name changes durable first.
  void PutFile(const std::string& name, const std::string& bytes);

  // Names in order, and a file's bytes: as a process sees them, and as they would be if all unsynced changes
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

  // Counts the call. Returns false for a dead process.
  bool Begin(uint64_t process, DiskCall call);
  std::optional<DiskFault> NextFault(DiskCall call);
  // The errno of a call that either succeeds or fails as a whole; 0: success.
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
  uint64_t process_ = 1;                     // the live process
  uint64_t writes_ = 0;                      // sequence number of the last write
  std::optional<uint64_t> operations_left_;  // of StopAfter
  std::shared_ptr<uint64_t> open_files_ = std::make_shared<uint64_t>(0);
};

}  // namespace ei::support
