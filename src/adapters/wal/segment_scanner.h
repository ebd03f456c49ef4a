#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "adapters/wal/disk.h"
#include "adapters/wal/wal_format.h"

namespace ei::wal {

// Reads a segment's frames from front to back and finds its way past damage: behind bytes that are no frame
// of this segment it looks for the next one, sector by sector. Memory: one frame, at most a segment. Not
// thread-safe; the file may be appended to meanwhile.
class SegmentScanner {
 public:
  // `file` outlives the scanner. A file that is shorter than it should be ends early.
  SegmentScanner(File& file, const SegmentHeader& segment);

  // Goes on to the next frame with positions from Expected() up to below `limit`; false: there is none. The
  // positions between what was expected before and the frame's first are missing. Frames with no position at
  // or above `wanted` are passed over by what their headers say.
  DiskResult<bool> Next(uint64_t limit, uint64_t wanted = 0);

  // Begins at a frame that is known to stand there. Before the first Next.
  void StartAt(uint64_t offset, uint64_t first_position) {
    offset_ = offset;
    expected_ = first_position;
  }

  // The frame that Next found; the views are valid until the next call.
  const FrameHeader& Frame() const { return frame_; }
  const std::vector<IndexEntry>& Index() const { return end_.index; }
  const FrameEnd& End() const { return end_; }
  std::string_view Bodies() const { return bodies_; }
  bool AllSound() const;  // its events' checksums
  uint64_t FrameOffset() const { return frame_offset_; }

  // One past the last position of the last frame; at first, the segment's first position.
  uint64_t Expected() const { return expected_; }
  // Where Next looks next. It moves on only with a frame, as behind damage more may yet be written.
  uint64_t Offset() const { return offset_; }

  // Reads anew what may have been written since it was read.
  void DropBuffer() { buffered_ = 0; }

  // From now on sectors that can't be read count as damaged, instead of failing Next.
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
