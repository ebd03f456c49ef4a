#include "adapters/wal/log_tail.h"

#include <cassert>

namespace ei::wal {

namespace {

// A frame takes no further request beyond this: a longer write is no cheaper for each of its events, and its
// requests would wait longer.
constexpr uint64_t kFrameBodyBytesMax = 4 << 20;

}  // namespace

bool LogTail::EverFits(uint64_t body_bytes, uint64_t events) const {
  return events <= kFrameEventsMax && kSegmentHeaderBytes + FrameBytes(body_bytes, events) <= segment_bytes_;
}

bool LogTail::HasRoom(uint64_t body_bytes, uint64_t events) const {
  const uint64_t bytes = FrameBytes(body_bytes, events);
  return (!spares_.empty() && kSegmentHeaderBytes + bytes <= spares_.front().bytes) ||
         JoinsLast(body_bytes, events) || bytes <= RoomInSegment();
}

// Behind the last frame, if that took no more requests.
uint64_t LogTail::RoomInSegment() const {
  if (!current_) return 0;
  uint64_t used = offset_;
  if (!frames_.empty() && !frames_.back().closed) {
    used += FrameBytes(frames_.back().header.body_bytes, frames_.back().header.events);
  }
  assert(used <= current_->segment_bytes);
  return current_->segment_bytes - used;
}

uint64_t LogTail::GrowthBy(uint64_t body_bytes, uint64_t events) const {
  if (JoinsLast(body_bytes, events)) {
    const FrameHeader& last = frames_.back().header;
    return FrameBytes(last.body_bytes + body_bytes, last.events + events) -
           FrameBytes(last.body_bytes, last.events);
  }
  const uint64_t frame = FrameBytes(body_bytes, events);
  const uint64_t room = RoomInSegment();
  return frame <= room ? frame : room + kSegmentHeaderBytes + frame;
}

bool LogTail::JoinsLast(uint64_t body_bytes, uint64_t events) const {
  if (frames_.empty() || frames_.back().closed) return false;
  const FrameHeader& last = frames_.back().header;
  return last.body_bytes + body_bytes <= kFrameBodyBytesMax && last.events + events <= kFrameEventsMax &&
         offset_ + FrameBytes(last.body_bytes + body_bytes, last.events + events) <= current_->segment_bytes;
}

std::optional<SegmentHeader> LogTail::Add(const Piece& piece, std::span<const IndexEntry> index,
                                          uint64_t first_position, int64_t wall_now, uint64_t salt) {
  assert(HasRoom(piece.size, index.size()));
  std::optional<SegmentHeader> begun;
  if (!JoinsLast(piece.size, index.size())) {
    if (!frames_.empty() && !frames_.back().closed) Close(frames_.back());
    if (FrameBytes(piece.size, index.size()) > RoomInSegment()) {
      current_ = SegmentHeader{spares_.front().number, first_position, salt, spares_.front().bytes};
      current_file_ = std::move(spares_.front().file);
      spares_.pop_front();
      offset_ = kSegmentHeaderBytes;
      begun = current_;
      ++pending_segments_;
    }
    assert(current_.has_value());  // it had the room, or was begun just now
    PendingFrame& frame = frames_.emplace_back();
    frame.file = current_file_;
    frame.offset = offset_;
    frame.header.segment = current_->number;
    frame.header.salt = current_->salt;
    frame.header.first_position = first_position;
    frame.header.accepted_at = wall_now;
    frame.begins = begun;
  }
  PendingFrame& frame = frames_.back();
  frame.header.body_bytes += piece.size;
  frame.header.events += static_cast<uint32_t>(index.size());
  frame.index.insert(frame.index.end(), index.begin(), index.end());
  frame.pieces.push_back(piece);
  bytes_ += BytesOf(piece.size, index.size());
  return begun;
}

void LogTail::Close(PendingFrame& frame) {
  frame.closed = true;
  offset_ = frame.offset + FrameBytes(frame.header.body_bytes, frame.header.events);
  assert(offset_ <= current_->segment_bytes);
}

PendingFrame* LogTail::Front() {
  if (frames_.empty()) return nullptr;
  if (!frames_.front().closed) Close(frames_.front());
  return &frames_.front();
}

void LogTail::Pop() {
  bytes_ -= BytesOf(frames_.front().header.body_bytes, frames_.front().header.events);
  if (frames_.front().begins) --pending_segments_;
  frames_.pop_front();
}

void LogTail::Clear() {
  frames_.clear();
  bytes_ = 0;
  pending_segments_ = 0;
}

uint64_t LogTail::SpareBytes() const {
  uint64_t bytes = 0;
  for (const Spare& spare : spares_) bytes += spare.bytes;
  return bytes;
}

std::optional<uint64_t> LogTail::Number() const {
  if (!current_) return std::nullopt;
  return current_->number;
}

}  // namespace ei::wal
