#include "adapters/wal/log_tail.h"

#include <cassert>

namespace ei::wal {

namespace {

// No request joins a frame that would become larger than this: a longer write is not cheaper for each event,
// and its requests would wait longer.
constexpr uint64_t kFrameBodyBytesMax = 4 << 20;

}  // namespace

bool LogTail::EverFits(uint64_t body_bytes, uint64_t events) const {
  return events <= kFrameEventsMax &&
         kSegmentHeaderBytes + BytesOfFrame(body_bytes, events) <= segment_bytes_;
}

// The size of a frame with one request.
uint64_t LogTail::BytesOfFrame(uint64_t body_bytes, uint64_t events) const {
  return FrameBytes(body_bytes, events, kOriginBytes + topic_.size());
}

uint64_t LogTail::RecoveredFrameBytes(uint64_t body_bytes, const FrameEnd& end) {
  return FrameBytes(body_bytes, end.index.size(), end.origins.size() * kOriginBytes + end.topic.size());
}

bool LogTail::HasRoom(uint64_t body_bytes, uint64_t events) const {
  return JoinsLast(body_bytes, events) || FitsFrame(BytesOfFrame(body_bytes, events));
}

bool LogTail::HasRoomForRecovered(uint64_t body_bytes, const FrameEnd& end) const {
  return FitsFrame(RecoveredFrameBytes(body_bytes, end));
}

bool LogTail::FitsFrame(uint64_t bytes) const {
  return bytes <= RoomInSegment() ||
         (!prepared_.empty() && kSegmentHeaderBytes + bytes <= prepared_.front().bytes);
}

// Counts the last frame as if no more requests joined it.
uint64_t LogTail::Used() const {
  if (!current_) return 0;
  const bool open = !frames_.empty() && !frames_.back().closed;
  return open ? offset_ + FrameBytes(frames_.back().header) : offset_;
}

uint64_t LogTail::RoomInSegment() const {
  if (!current_) return 0;
  assert(Used() <= current_->segment_bytes);
  return current_->segment_bytes - Used();
}

uint64_t LogTail::GrowthBy(uint64_t body_bytes, uint64_t events) const {
  if (JoinsLast(body_bytes, events)) {
    return FrameBytes(JoinedLast(body_bytes, events)) - FrameBytes(frames_.back().header);
  }
  const uint64_t frame = BytesOfFrame(body_bytes, events);
  const uint64_t room = RoomInSegment();
  return frame <= room ? frame : room + kSegmentHeaderBytes + frame;
}

// The header of the last frame as it would be after one more request, from a client that has no origin in it
// yet.
FrameHeader LogTail::JoinedLast(uint64_t body_bytes, uint64_t events) const {
  FrameHeader joined = frames_.back().header;
  joined.body_bytes += body_bytes;
  joined.events += static_cast<uint32_t>(std::min<uint64_t>(events, kFrameEventsMax));
  ++joined.origins;
  return joined;
}

bool LogTail::JoinsLast(uint64_t body_bytes, uint64_t events) const {
  if (frames_.empty() || frames_.back().closed || !current_) return false;
  const FrameHeader joined = JoinedLast(body_bytes, events);
  return joined.body_bytes <= kFrameBodyBytesMax && joined.events <= kFrameEventsMax &&
         offset_ + FrameBytes(joined) <= current_->segment_bytes;
}

std::optional<SegmentHeader> LogTail::Add(const BatchSlice& piece, std::span<const IndexEntry> index,
                                          uint64_t first_position, int64_t wall_now, uint64_t salt) {
  assert(HasRoom(piece.size, index.size()));
  const bool joins = JoinsLast(piece.size, index.size());
  PendingFrame& frame =
      joins ? frames_.back() : Open(BytesOfFrame(piece.size, index.size()), first_position, wall_now, salt);
  if (!joins) {
    frame.header.topic_size = static_cast<uint16_t>(topic_.size());
    frame.end.topic = topic_;
  }
  frame.header.body_bytes += piece.size;
  frame.header.events += static_cast<uint32_t>(index.size());
  frame.end.index.insert(frame.end.index.end(), index.begin(), index.end());
  AddOrigin(frame.end.origins, {piece.events, piece.identity});
  frame.header.origins = static_cast<uint32_t>(frame.end.origins.size());
  frame.pieces.push_back(piece);
  bytes_ += BytesOf(piece.size, index.size());
  return joins ? std::nullopt : frame.begins;
}

std::optional<SegmentHeader> LogTail::AddRecovered(const BatchSlice& piece, const FrameEnd& end,
                                                   uint64_t first_position, int64_t accepted_at,
                                                   uint64_t salt) {
  assert(frames_.empty() && HasRoomForRecovered(piece.size, end));
  PendingFrame& frame = Open(RecoveredFrameBytes(piece.size, end), first_position, accepted_at, salt);
  frame.end = end;
  frame.header.body_bytes = piece.size;
  frame.header.events = static_cast<uint32_t>(end.index.size());
  frame.header.origins = static_cast<uint32_t>(end.origins.size());
  frame.header.topic_size = static_cast<uint16_t>(end.topic.size());
  frame.pieces.push_back(piece);
  bytes_ += BytesOf(piece.size, end.index.size());
  Close(frame);
  return frame.begins;
}

// Begins a new frame of `bytes`, in a new segment if the current one has no room for it.
PendingFrame& LogTail::Open(uint64_t bytes, uint64_t first_position, int64_t wall_now, uint64_t salt) {
  if (!frames_.empty() && !frames_.back().closed) Close(frames_.back());
  std::optional<SegmentHeader> begun;
  if (bytes > RoomInSegment()) {
    current_ = SegmentHeader{prepared_.front().number, first_position, salt, prepared_.front().bytes};
    current_file_ = std::move(prepared_.front().file);
    prepared_.pop_front();
    offset_ = kSegmentHeaderBytes;
    begun = current_;
    ++pending_segments_;
  }
  assert(current_.has_value());  // it has room, or was begun just now
  PendingFrame& frame = frames_.emplace_back();
  frame.file = current_file_;
  frame.offset = offset_;
  frame.header.segment = current_->number;
  frame.header.salt = current_->salt;
  frame.header.first_position = first_position;
  frame.header.accepted_at = wall_now;
  frame.begins = begun;
  return frame;
}

void LogTail::Close(PendingFrame& frame) {
  assert(current_);
  frame.closed = true;
  offset_ = frame.offset + FrameBytes(frame.header);
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

uint64_t LogTail::PreparedBytes() const {
  uint64_t bytes = 0;
  for (const PreparedSegment& segment : prepared_) bytes += segment.bytes;
  return bytes;
}

std::optional<uint64_t> LogTail::Number() const {
  if (!current_) return std::nullopt;
  return current_->number;
}

}  // namespace ei::wal
