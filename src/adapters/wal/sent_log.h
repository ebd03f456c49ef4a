#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/wal/disk.h"
#include "adapters/wal/sent_batches.h"
#include "adapters/wal/sent_notes.h"
#include "adapters/wal/settled_map.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/time.h"
#include "journal/sent_log.h"

namespace ei::wal {

// How much a lane writes to one file before it begins the next, and the most disk space that the files of a
// lane use.
inline constexpr uint64_t kSentFileBytesMax = 1 << 20;
inline constexpr uint64_t kSentLaneBytesMax = 64 << 20;

// State that the lanes' logs and the journal share. Thread-safe.
struct SentFiles {
  uint64_t file_bytes = kSentFileBytesMax;  // how much a lane writes to one file before it begins the next
  std::atomic<uint64_t> next_number{0};     // number of the next file; increases over lanes and restarts
  // Number of snapshots taken for checkpoints; incremented when the settled positions are copied.
  std::atomic<uint64_t> snapshots{0};
  std::atomic<uint64_t> saved{0};  // the newest snapshot that was saved
  // That snapshot and all later ones contain everything that is settled below this position.
  std::atomic<uint64_t> saved_end{0};
};

// The sent notes of one lane, in files that only this lane writes. The files are never synced: written notes
// survive the process, and a note that a loss of power tears is detected by its checksum.
//
// - After Flush, all notes made since the last one are in the current file, unless noting is paused.
// - The current file is complete in itself: it begins with a copy of the batches that were unsettled when it
//   was begun. So a note that names a batch by its first position refers to a batch of the same file.
// - An older file is removed when a checkpoint contains everything that the file notes as settled. The lane
//   settles the events of one Flush in the journal before the next Flush; so the checkpoint must be of a
//   snapshot that was taken after that.
// - A disk error or a lack of room pauses noting. Notes made during the pause are dropped, and the lane
//   continues in a new file when it can.
class LaneSentLog final : public SentLog {
 public:
  // `unsettled`: the batches that previous runs left unsettled. The references must outlive this object.
  LaneSentLog(const SentHeader& header, std::vector<SentBatch> unsettled, SentFiles& files,
              Directory& directory, const Clock& clock, Log& log);

  std::vector<SentBatch> TakeUnsettled() override;
  void NoteSent(std::span<const uint64_t> positions, std::string_view stamp) override;
  void NoteSettled(std::span<const uint64_t> positions) override;
  void Flush() override;

  // Called once at the start. Begins a file with the unsettled batches and with those runs of `settled` that
  // later checkpoints, of `runs` runs each, may not contain. Creates no file if there are neither.
  void Begin(const SettledMap& settled, size_t runs);

 private:
  struct OldFile {
    uint64_t number = 0;
    uint64_t bytes = 0;
    uint64_t settled_end = 0;  // one past the highest position that it notes as settled
    // The count when all of that was settled in the journal; nullopt: not yet settled.
    std::optional<uint64_t> snapshots;
  };

  void AddLoose();
  void Write();
  std::string Copies() const;
  DiskResult<void> BeginFile(std::string_view frames);
  void Retire();
  void StopFor(int error);
  void StopForRoom();
  void StopIfLong();
  void Stop(base::Duration pause, std::string_view why);
  void Resume();
  void RemoveOldFiles();

  const SentHeader header_;
  SentFiles& files_;
  Directory& directory_;
  const Clock& clock_;
  Log& log_;
  std::vector<SentBatch> unsettled_;  // until TakeUnsettled
  SentBatches batches_;
  std::vector<uint64_t> loose_;  // scratch of NoteSettled: positions that are not a whole batch
  std::string notes_;            // not yet written
  std::string frame_;            // scratch of Write
  std::unique_ptr<File> file_;   // the current file; null: none has been begun, or noting is paused
  uint64_t number_ = 0;          // of file_
  uint64_t bytes_ = 0;           // of file_
  uint64_t next_file_at_ = 0;    // the size of file_ at which the next file is begun
  uint64_t settled_end_ = 0;     // one past the highest position that file_ and notes_ note as settled
  std::deque<OldFile> old_files_;
  uint64_t old_bytes_ = 0;
  bool stopped_ = false;
  base::SteadyTime resume_at_;  // when to resume, if noting is paused
  bool logged_ = false;         // the pause has been logged
};

}  // namespace ei::wal
