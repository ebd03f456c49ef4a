#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "adapters/wal/disk.h"
#include "adapters/wal/wal_format.h"

namespace ei::wal {

// Reads a segment's frames from front to back and skips damage: behind bytes that are not a frame of this
// segment it searches for the next frame, sector by sector. Memory: one frame, at most a segment. Not
// thread-safe; another thread may append to the file meanwhile.
class SegmentScanner {
 public:
  // `file` must outlive the scanner. A file that is shorter than the header says is read up to its end.
  SegmentScanner(File& file, const SegmentHeader& segment);

  // Moves to the next frame whose first position is at least Expected() and below `limit`. Returns false if
  // there is none. The positions between the previous Expected() and the frame's first position are missing.
  // Frames whose positions are all below `wanted` are skipped after reading only their headers.
  DiskResult<bool> Next(uint64_t limit, uint64_t wanted = 0);

  // Starts at a frame that is known to be at `offset`. To be called before the first Next.
  void StartAt(uint64_t offset, uint64_t first_position) {
    offset_ = offset;
    expected_ = first_position;
  }

  // The frame that Next found. The views are valid until the next call of Next.
  const FrameHeader& Frame() const { return frame_; }
  const std::vector<IndexEntry>& Index() const { return end_.index; }
  const FrameEnd& End() const { return end_; }
  std::string_view Bodies() const { return bodies_; }
  bool AllSound() const;  // whether all of its events are sound
  uint64_t FrameOffset() const { return frame_offset_; }

  // One past the last position of the last frame; at first, the segment's first position.
  uint64_t Expected() const { return expected_; }
  // The offset at which the next call of Next starts. It moves only when a frame is found, because more may
  // still be written behind damage.
  uint64_t Offset() const { return offset_; }

  // Discards the read buffer, so that bytes written meanwhile are seen.
  void DropBuffer() { buffered_ = 0; }

  // From now on, sectors that can't be read count as damaged instead of making Next fail.
  void ReadPastFaults() { past_faults_ = true; }
  bool MetFaults() const { return met_faults_; }

 private:
  DiskResult<size_t> Read(uint64_t offset, std::span<char> bytes);
  DiskResult<std::string_view> View(uint64_t offset, uint64_t bytes);
  bool Fits(const FrameHeader& frame, uint64_t offset, uint64_t limit) const;

  File& file_;
  const SegmentHeader segment_;
  uint64_t expected_;
  uint64_t offset_ = kSegmentHeaderBytes;
  FrameHeader frame_;
  FrameEnd end_;
  std::string_view bodies_;
  uint64_t frame_offset_ = 0;
  std::vector<char> buffer_;
  uint64_t buffer_offset_ = 0;
  uint64_t buffered_ = 0;
  bool past_faults_ = false;
  bool met_faults_ = false;
};

}  // namespace ei::wal
