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

// What a lane writes before it goes on in another file, and the most that its files take of the disk.
inline constexpr uint64_t kSentFileBytesMax = 1 << 20;
inline constexpr uint64_t kSentLaneBytesMax = 64 << 20;

// What the lanes' logs and the journal tell one another. Thread-safe.
struct SentFiles {
  uint64_t file_bytes = kSentFileBytesMax;  // what a lane writes before it goes on in another file
  std::atomic<uint64_t> next_number{0};     // of a file; rises over lanes and lives
  std::atomic<uint64_t> snapshots{0};  // taken for checkpoints; counted when what is settled is looked at
  std::atomic<uint64_t> saved{0};      // the newest of them that was saved, and
  std::atomic<uint64_t> saved_end{0};  // it and all later ones tell what is settled below
};

// A lane's notes, in files of its own that are never synced: what was written outlives the process, and what
// a loss of power tears off is known by its sum.
//
//  - After Flush each note since the last one is in the file at hand, or noting has stopped for a while.
//  - The file at hand tells of all that is unsettled by itself: it begins with what was when it was begun. So
//    a note that names a batch by its first position means one of the same file.
//  - A file before it goes when a checkpoint tells what it notes as settled. What a Flush has written as
//    settled, the lane settles in the journal before the next one; so the checkpoint is of a snapshot that
//    was taken after that.
//  - A fault of the disk, or a lack of room, stops noting. What comes then is not noted, and the lane goes on
//    in a new file when it can.
class LaneSentLog final : public SentLog {
 public:
  // `unsettled` is what earlier lives left. The references outlive it.
  LaneSentLog(const SentHeader& header, std::vector<SentBatch> unsettled, SentFiles& files,
              Directory& directory, const Clock& clock, Log& log);

  std::vector<SentBatch> TakeUnsettled() override;
  void NoteSent(std::span<const uint64_t> positions, std::string_view stamp) override;
  void NoteSettled(std::span<const uint64_t> positions) override;
  void Flush() override;

  // At the start: begins a file with what is unsettled, and what of `settled` later checkpoints, of `runs`
  // runs each, may not tell; makes none when there is neither.
  void Begin(const SettledMap& settled, size_t runs);

 private:
  struct OldFile {
    uint64_t number = 0;
    uint64_t bytes = 0;
    uint64_t settled_end = 0;           // all that it notes as settled is below
    std::optional<uint64_t> snapshots;  // taken when all of that was settled in the journal; nullopt: not yet
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
  std::vector<SentBatch> unsettled_;  // until it is taken
  SentBatches batches_;
  std::vector<uint64_t> loose_;  // of NoteSettled: those that are no whole batch
  std::string notes_;            // not yet in the file
  std::string frame_;            // of Write
  std::unique_ptr<File> file_;   // at hand; null: there is none yet, or noting has stopped
  uint64_t number_ = 0;          // its number
  uint64_t bytes_ = 0;           // its size
  uint64_t next_file_at_ = 0;    // the size at which the next one is begun
  uint64_t settled_end_ = 0;     // all that it, and notes_, note as settled is below
  std::deque<OldFile> old_files_;
  uint64_t old_bytes_ = 0;
  bool stopped_ = false;
  base::SteadyTime again_at_;  // noting, if it has stopped
  bool told_ = false;          // operators, that it has
};

}  // namespace ei::wal
