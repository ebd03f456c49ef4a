#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/wal/disk.h"
#include "adapters/wal/event_window.h"
#include "adapters/wal/wal_format.h"
#include "event/event_batch.h"

namespace ei::wal {

// A prepared segment.
struct PreparedSegment {
  uint64_t number;
  uint64_t bytes;
  std::shared_ptr<File> file;
};

// The events of one request within a frame.
struct BatchSlice {
  std::shared_ptr<EventBlock> block;
  const char* bytes;
  size_t size;
  uint32_t events;
  base::SteadyTime accepted_at;
  ClientNumber client = 0;
  ClientIdentity identity = kNoClient;
  // An earlier life accepted them, for this topic; it stands in the block.
  bool from_disk = false;
  std::string_view topic = {};
};

// A commit in the making: it has its place in a segment and its positions, and is not on the disk yet.
struct PendingFrame {
  std::shared_ptr<File> file;
  uint64_t offset = 0;
  FrameHeader header;
  FrameEnd end;
  std::vector<BatchSlice> pieces;
  std::optional<SegmentHeader> begins;  // the segment's header, when this is its first frame
  bool closed = false;                  // takes no further requests

  // Of the newest commit of an earlier life.
  bool IsCopy() const { return pieces.front().from_disk; }
};

// Where the log grows: the segment that is being filled, those that are prepared, and the frames on their way
// there. Decides each frame's place at once, so that what is accepted is certain to have room. Holds the only
// files of the log that stay open: of these segments. Not thread-safe.
class LogTail {
 public:
  // Prepared segments have `segment_bytes` at least, but one that is made for the newest commit of an earlier
  // life may have less. `topic`: of events that name none; see FrameEnd.
  explicit LogTail(uint64_t segment_bytes, std::string topic = {})
      : segment_bytes_(segment_bytes), topic_(std::move(topic)) {}

  // Whether a batch could have room in an empty log.
  bool EverFits(uint64_t body_bytes, uint64_t events) const;
  bool HasRoom(uint64_t body_bytes, uint64_t events) const;
  // The most by which a batch that has room makes the log longer, padding and what is left of a segment that
  // it ends included.
  uint64_t GrowthBy(uint64_t body_bytes, uint64_t events) const;
  // What is used and what is left of the segment that is being filled.
  uint64_t Used() const;
  uint64_t RoomInSegment() const;

  // Adds the events of one batch, which has room, with positions from `first_position`. A segment that has to
  // be begun for them gets `salt`, and is returned.
  std::optional<SegmentHeader> Add(const BatchSlice& piece, std::span<const IndexEntry> index,
                                   uint64_t first_position, int64_t wall_now, uint64_t salt);

  // The same for a frame of an earlier life, which had that end: it becomes a frame of its own once more, as
  // it was, and closed: a copy that a crash takes must not look like more than the original, and what is
  // appended next need not have the positions right behind it. None is pending.
  std::optional<SegmentHeader> AddAgain(const BatchSlice& piece, const FrameEnd& end, uint64_t first_position,
                                        int64_t accepted_at, uint64_t salt);
  bool HasRoomAgain(uint64_t body_bytes, const FrameEnd& end) const;
  static uint64_t BytesAgain(uint64_t body_bytes, const FrameEnd& end);

  // The oldest frame, closed; null: none is pending. Stays where it is until Pop.
  PendingFrame* Front();
  void Pop();
  void Clear();

  bool Empty() const { return frames_.empty(); }
  const PendingFrame* Oldest() const { return frames_.empty() ? nullptr : &frames_.front(); }
  // Memory of all pending frames, but for what blocks have left over.
  uint64_t Bytes() const { return bytes_; }
  static uint64_t BytesOf(uint64_t body_bytes, uint64_t events) {
    return body_bytes + events * sizeof(IndexEntry);
  }

  void AddSpare(PreparedSegment spare) { spares_.push_back(std::move(spare)); }
  size_t Spares() const { return spares_.size(); }
  uint64_t SpareBytes() const;
  // False while so many segments wait for their first frame to be written: each of them is an open file.
  bool TakesSpares() const { return pending_segments_ < kPendingSegmentsMax; }
  // Of the segment that is being filled; nullopt before the first.
  std::optional<uint64_t> Number() const;

 private:
  static constexpr size_t kPendingSegmentsMax = 4;

  bool FitsFrame(uint64_t bytes) const;
  FrameHeader JoinedLast(uint64_t body_bytes, uint64_t events) const;
  bool JoinsLast(uint64_t body_bytes, uint64_t events) const;
  uint64_t BytesOfFrame(uint64_t body_bytes, uint64_t events) const;
  PendingFrame& Open(uint64_t bytes, uint64_t first_position, int64_t wall_now, uint64_t salt);
  void Close(PendingFrame& frame);

  const uint64_t segment_bytes_;
  const std::string topic_;
  std::optional<SegmentHeader> current_;
  std::shared_ptr<File> current_file_;
  uint64_t offset_ = 0;  // where the next frame begins
  std::deque<PreparedSegment> spares_;
  std::deque<PendingFrame> frames_;
  uint64_t bytes_ = 0;
  size_t pending_segments_ = 0;
};

}  // namespace ei::wal
