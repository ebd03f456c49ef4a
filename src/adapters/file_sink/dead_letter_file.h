#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "adapters/file_sink/repeat_limit.h"
#include "adapters/file_sink/segment_directory.h"
#include "adapters/file_sink/segment_log.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "delivery/dead_letter_file.h"
#include "system/file_calls.h"

namespace ei::file_sink {

struct DeadLetterFileOptions {
  std::string directory;          // dead_letter.dir
  uint64_t bytes_max = 64 << 20;  // dead_letter.bytes_max, for all segments together
  uint64_t segment_bytes = 0;     // bound of a segment; one longer line may exceed it
};

// The dead-letter file: lines of line_format.h in segments dead-letters-NUMBER.ndjson. An operator may move
// or delete segments at any time, which frees their space.
//
// It is rarely needed and must not keep a service from starting: a folder that can't be used is logged at
// once, and opened again when there is a dead letter to store. The folder is locked while it is open.
// Thread-safe.
class DeadLetterFile final : public ei::DeadLetterFile {
 public:
  // The references must outlive this object.
  DeadLetterFile(DeadLetterFileOptions options, Log& log, const Clock& clock,
                 system::FileCalls& calls = system::RealFileCalls());

  StoredDeadLetters Store(std::span<const DeadLetterToStore> dead_letters) override;

  // The current size of all segments, and the number of times that a dead letter could not be stored. Any
  // thread may call them; they may wait for a running Store.
  uint64_t Bytes() const;
  uint64_t Failures() const;

 private:
  std::optional<StorageFault> EnsureOpen() REQUIRES(mutex_);
  std::optional<StorageFault> Reserve(uint64_t bytes) REQUIRES(mutex_);
  void LogFault(const StorageFault& fault) REQUIRES(mutex_);

  const DeadLetterFileOptions options_;
  Log& log_;
  const Clock& clock_;
  system::FileCalls& calls_;

  mutable base::Mutex mutex_;
  std::unique_ptr<SegmentDirectory> directory_ GUARDED_BY(mutex_);  // null while not open; used by lines_
  std::unique_ptr<SegmentLog> lines_ GUARDED_BY(mutex_);
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;  // upper bound of the used space, if nothing else is added to it
  uint64_t failures_ GUARDED_BY(mutex_) = 0;
  RepeatLimit faults_ GUARDED_BY(mutex_);
};

}  // namespace ei::file_sink
