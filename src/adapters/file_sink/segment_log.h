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

// Why lines could not be stored: a constant code, and a reason for people that names the folder and the errno
// text.
struct StorageFault {
  std::string_view code;
  std::string reason;
};

// Where the first of some stored lines begins.
struct LinePlace {
  std::string segment;  // its name
  uint64_t offset = 0;
};

// The lines of one kind (events, dead letters), divided over segments.
//
// Invariants:
//  - segment_.bytes is the size up to which the open segment was synced; it ends with a whole line. Every
//  Append ends
//    with a sync or with the file cut back to that size, so a segment is always complete before the next is
//    begun.
//  - Before lines are written and again before they count as stored, the segment has to be the file under its
//    name still, and of that size; else it is left to whoever took it, and the lines go to a new one.
//  - A segment holds at most segment_bytes, or one longer line.
//  - A segment whose sync or cutting has failed is never written again: after a failed sync the kernel may
//  have
//    dropped the bytes and yet report success the next time.
//
// Not thread-safe.
class SegmentLog {
 public:
  // The references outlive it.
  SegmentLog(std::string_view prefix, uint64_t segment_bytes, SegmentDirectory& directory, Log& log,
             const Clock& clock);

  // Goes on in the newest segment, if there is one, after cutting off what a crash left torn there. A segment
  // that can't be read or mended is left as it is; the next line then begins a new one.
  void Resume();

  // Begins a new segment now, unless one is open.
  std::expected<void, StorageFault> EnsureSegment();

  // How many bytes the next Append may bring when its first line has this size; one line may be larger.
  uint64_t BatchBytes(uint64_t first_line_bytes) const;

  // Whole lines, no more than BatchBytes(). After success they are on the disk. After a fault they are to be
  // brought again; when a sync or the cutting back failed too, they may then stand there twice, never in
  // part. The same holds of lines that were on their way while somebody moved the segment.
  std::expected<LinePlace, StorageFault> Append(std::string_view lines);

 private:
  // What became of the segment that lines were written to.
  enum class RecordStatus : uint8_t { kGoesOn, kSyncFailed, kTaken };

  std::expected<void, StorageFault> HoldFolder();
  std::expected<void, FileFault> LeaveIfTaken();
  std::expected<void, FileFault> BeginSegment();
  std::expected<void, FileFault> WriteAndSync(std::string_view lines, RecordStatus& fate);
  void Leave(RecordStatus fate, const FileFault& fault);
  void CutBack();
  void Abandon();
  StorageFault Describe(const FileFault& fault) const;

  const std::string prefix_;
  const uint64_t segment_bytes_;
  SegmentDirectory& directory_;
  Log& log_;
  const Clock& clock_;
  Segment segment_;  // not open: the next Append begins one
  RepeatLimit failed_syncs_;
  RepeatLimit failed_cuts_;
  RepeatLimit taken_;
};

}  // namespace ei::file_sink
