#pragma once

#include <string>
#include <vector>

#include "adapters/wal/segment_reader.h"
#include "adapters/wal/wal_format.h"

namespace ei::wal {

// Writes the unsettled events that it visits into the file of a new segment, with positions from
// `header.first_position` on. It writes one frame for each source frame that has any. Not thread-safe.
class EventMover final : public SegmentVisitor {
 public:
  // `file` must outlive the mover and contain only zeros.
  EventMover(File& file, const SegmentHeader& header) : file_(file), header_(header) {}

  void OnFrame(const FrameHeader& frame, uint64_t end_byte) override;
  bool OnEvent(const LoggedEvent& event) override;
  void OnDamage(const LogDamage&) override {}
  void OnMissing(uint64_t, uint64_t) override {}

  // Writes the last frame and the segment's header, and syncs the file.
  DiskResult<void> Finish();

  uint64_t Events() const { return events_; }

 private:
  void WriteFrame();

  File& file_;
  const SegmentHeader header_;
  DiskResult<void> written_;
  FrameHeader frame_;
  std::string bodies_;
  std::string index_;
  std::vector<Origin> origins_;
  std::string topic_;
  uint64_t events_ = 0;
  uint64_t offset_ = kSegmentHeaderBytes;
};

}  // namespace ei::wal
