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
  // True: a previous run accepted the events, for `topic`, whose bytes are in `block`.
  bool from_disk = false;
  std::string_view topic = {};
};

// A commit that has its place in a segment and its positions, and is not durable yet.
struct PendingFrame {
  std::shared_ptr<File> file;
  uint64_t offset = 0;
  FrameHeader header;
  FrameEnd end;
  std::vector<BatchSlice> pieces;
  std::optional<SegmentHeader> begins;  // the header of the segment, if this is its first frame
  bool closed = false;                  // no further request may join it

  // Whether it rewrites the newest commit of a previous run.
  bool IsCopy() const { return pieces.front().from_disk; }
};

// The end of the log: the segment that is being filled, the prepared segments, and the frames that wait to be
// written there. A frame gets its place when its first request is added, so that an accepted event is certain
// to have room. It keeps these segments' files open, and no other files of the log. Not thread-safe.
class LogTail {
 public:
  // Prepared segments have at least `segment_bytes`, except one that is made for the newest commit of a
  // previous run, which may have less. `topic`: the topic of events that name none; see FrameEnd.
  explicit LogTail(uint64_t segment_bytes, std::string topic = {})
      : segment_bytes_(segment_bytes), topic_(std::move(topic)) {}

  // Whether a batch would fit into an empty log.
  bool EverFits(uint64_t body_bytes, uint64_t events) const;
  bool HasRoom(uint64_t body_bytes, uint64_t events) const;
  // An upper bound of the bytes by which adding a batch makes the log longer. Includes padding and, if the
  // batch begins a new segment, the unused rest of the current one. The batch must have room.
  uint64_t GrowthBy(uint64_t body_bytes, uint64_t events) const;
  // Used and free bytes of the segment that is being filled.
  uint64_t Used() const;
  uint64_t RoomInSegment() const;

  // Adds the events of one batch with positions from `first_position`. The batch must have room. If a new
  // segment has to be begun for it, that segment gets `salt`, and its header is returned.
  std::optional<SegmentHeader> Add(const BatchSlice& piece, std::span<const IndexEntry> index,
                                   uint64_t first_position, int64_t wall_now, uint64_t salt);

  // Adds a frame of a previous run unchanged, as a separate, closed frame; `end` is its original end. It is
  // closed because a copy that a crash tears must not look like more than the original, and the next appended
  // events need not have the positions that directly follow. No frame may be pending.
  std::optional<SegmentHeader> AddRecovered(const BatchSlice& piece, const FrameEnd& end,
                                            uint64_t first_position, int64_t accepted_at, uint64_t salt);
  bool HasRoomForRecovered(uint64_t body_bytes, const FrameEnd& end) const;
  static uint64_t RecoveredFrameBytes(uint64_t body_bytes, const FrameEnd& end);

  // Closes and returns the oldest frame; null: none is pending. The pointer is valid until Pop.
  PendingFrame* Front();
  void Pop();
  void Clear();

  bool Empty() const { return frames_.empty(); }
  const PendingFrame* Oldest() const { return frames_.empty() ? nullptr : &frames_.front(); }
  // Memory of all pending frames, without the unused rest of their blocks.
  uint64_t Bytes() const { return bytes_; }
  static uint64_t BytesOf(uint64_t body_bytes, uint64_t events) {
    return body_bytes + events * sizeof(IndexEntry);
  }

  void AddPrepared(PreparedSegment segment) { prepared_.push_back(std::move(segment)); }
  size_t Prepared() const { return prepared_.size(); }
  uint64_t PreparedBytes() const;
  // Whether another prepared segment may be added. False while kPendingSegmentsMax segments wait for their
  // first frame to be written, because each of them is an open file.
  bool AcceptsPrepared() const { return pending_segments_ < kPendingSegmentsMax; }
  // Number of the segment that is being filled; nullopt: none has been begun.
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
  std::deque<PreparedSegment> prepared_;
  std::deque<PendingFrame> frames_;
  uint64_t bytes_ = 0;
  size_t pending_segments_ = 0;
};

}  // namespace ei::wal
