#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "adapters/file_sink/repeat_limit.h"
#include "adapters/file_sink/segment_directory.h"
#include "base/clock.h"
#include "base/log.h"

namespace ei::file_sink {

// Why lines could not be stored: a constant code, and a readable reason with the folder and the text of
// errno.
struct StorageFault {
  std::string_view code;
  std::string reason;
};

// Where the first line of an Append is stored.
struct LinePlace {
  std::string segment;  // name of the segment
  uint64_t offset = 0;
};

// Stores the lines of one kind (events or dead letters) in segments.
//
// Invariants:
//  - segment_.bytes is the size up to which the open segment is synced; it ends with a whole line. Every
//  Append ends
//    with a sync or truncates the file to that size, so a segment is complete before the next one is started.
//  - Before lines are written, and again before they count as stored, the segment must still be the file with
//  its
//    name and must have that size. Otherwise it was moved or changed: it is not used any more, and the lines
//    go to a new segment.
//  - A segment has at most segment_bytes, or one longer line.
//  - A segment whose sync or truncation failed is never written again: after a failed sync the kernel may
//  have dropped
//    the bytes and yet report success the next time.
//
// Not thread-safe.
class SegmentLog {
 public:
  // The references must outlive this object.
  SegmentLog(std::string_view prefix, uint64_t segment_bytes, SegmentDirectory& directory, Log& log,
             const Clock& clock);

  // Continues the newest segment, if there is one, after truncating the torn end that a crash may have left.
  // A segment that can't be read or repaired is left unchanged; the next line then starts a new one.
  void Resume();

  // Starts a new segment, unless one is open.
  std::expected<void, StorageFault> EnsureSegment();

  // Returns the maximum number of bytes for the next Append if its first line has this size. A single line
  // may be larger.
  uint64_t BatchBytes(uint64_t first_line_bytes) const;

  // Appends whole lines, at most BatchBytes(), and syncs them; blocks. After a fault the caller has to append
  // them again. They may then be stored twice, but never in part, if the sync or the truncation failed too,
  // or if the segment was moved while they were written.
  std::expected<LinePlace, StorageFault> Append(std::string_view lines);

 private:
  // State of the segment after lines were written to it.
  enum class SegmentState : uint8_t { kUsable, kSyncFailed, kMoved };

  std::expected<void, StorageFault> HoldFolder();
  std::expected<void, FileFault> LeaveIfMoved();
  std::expected<void, FileFault> StartSegment();
  std::expected<void, FileFault> WriteAndSync(std::string_view lines, SegmentState& state);
  void Leave(SegmentState state, const FileFault& fault);
  void TruncateToSynced();
  void Abandon();
  StorageFault Describe(const FileFault& fault) const;

  const std::string prefix_;
  const uint64_t segment_bytes_;
  SegmentDirectory& directory_;
  Log& log_;
  const Clock& clock_;
  Segment segment_;  // if it is not open, the next Append starts one
  RepeatLimit failed_syncs_;
  RepeatLimit failed_truncates_;
  RepeatLimit moved_;
};

}  // namespace ei::file_sink
