#include "adapters/wal/log_tail.h"

#include <algorithm>
#include <cassert>

namespace ei::wal {

namespace {

// A frame takes no further request beyond this: a longer write is no cheaper for each of its events, and its
// requests would wait longer.
constexpr uint64_t kFrameBodyBytesMax = 4 << 20;

}  // namespace

bool LogTail::EverFits(uint64_t body_bytes, uint64_t events) const {
  return events <= kFrameEventsMax &&
         kSegmentHeaderBytes + BytesOfFrame(body_bytes, events) <= segment_bytes_;
}

// Of a frame of one request.
uint64_t LogTail::BytesOfFrame(uint64_t body_bytes, uint64_t events) const {
  return FrameBytes(body_bytes, events, kOriginBytes + topic_.size());
}

bool LogTail::HasRoom(uint64_t body_bytes, uint64_t events) const {
  return !spares_.empty() || JoinsLast(body_bytes, events) ||
         BytesOfFrame(body_bytes, events) <= RoomInSegment();
}

// Behind the last frame, if that took no more requests.
uint64_t LogTail::RoomInSegment() const {
  if (!current_) return 0;
  uint64_t used = offset_;
  if (!frames_.empty() && !frames_.back().closed) {
    used += FrameBytes(frames_.back().header);
  }
  return segment_bytes_ - used;
}

bool LogTail::JoinsLast(uint64_t body_bytes, uint64_t events) const {
  if (frames_.empty() || frames_.back().closed) return false;
  FrameHeader joined = frames_.back().header;
  joined.body_bytes += body_bytes;
  joined.events += static_cast<uint32_t>(std::min<uint64_t>(events, kFrameEventsMax));
  ++joined.origins;
  return joined.body_bytes <= kFrameBodyBytesMax && joined.events <= kFrameEventsMax &&
         offset_ + FrameBytes(joined) <= segment_bytes_;
}

std::optional<Segment> LogTail::Add(const Piece& piece, std::span<const IndexEntry> index,
                                    uint64_t first_position, int64_t wall_now, uint64_t salt) {
  assert(HasRoom(piece.size, index.size()));
  std::optional<Segment> begun;
  if (!JoinsLast(piece.size, index.size())) {
    if (!frames_.empty() && !frames_.back().closed) Close(frames_.back());
    if (BytesOfFrame(piece.size, index.size()) > RoomInSegment()) {
      current_ = Segment{{spares_.front().number, first_position, salt, segment_bytes_},
                         std::move(spares_.front().file)};
      spares_.pop_front();
      offset_ = kSegmentHeaderBytes;
      begun = current_;
    }
    assert(current_.has_value());  // it had the room, or was begun just now
    PendingFrame& frame = frames_.emplace_back();
    frame.file = current_->file;
    frame.offset = offset_;
    frame.header.segment = current_->header.number;
    frame.header.salt = current_->header.salt;
    frame.header.first_position = first_position;
    frame.header.accepted_at = wall_now;
    frame.header.topic_size = static_cast<uint16_t>(topic_.size());
    frame.end.topic = topic_;
    if (begun) frame.begins = begun->header;
  }
  PendingFrame& frame = frames_.back();
  frame.header.body_bytes += piece.size;
  frame.header.events += static_cast<uint32_t>(index.size());
  frame.end.index.insert(frame.end.index.end(), index.begin(), index.end());
  AddOrigin(frame.end.origins, {piece.events, piece.client});
  frame.header.origins = static_cast<uint32_t>(frame.end.origins.size());
  frame.pieces.push_back(piece);
  body_bytes_ += piece.size;
  return begun;
}

std::optional<Segment> LogTail::AddAgain(const Piece& piece, const FrameEnd& end, uint64_t first_position,
                                         int64_t accepted_at, uint64_t salt) {
  assert(frames_.empty());
  auto begun = Add(piece, end.index, first_position, accepted_at, salt);
  PendingFrame& frame = frames_.back();
  frame.end.origins = end.origins;
  frame.end.topic = end.topic;
  frame.header.origins = static_cast<uint32_t>(end.origins.size());
  frame.header.topic_size = static_cast<uint16_t>(end.topic.size());
  Close(frame);
  return begun;
}

void LogTail::Close(PendingFrame& frame) {
  frame.closed = true;
  offset_ = frame.offset + FrameBytes(frame.header);
}

PendingFrame* LogTail::Front() {
  if (frames_.empty()) return nullptr;
  if (!frames_.front().closed) Close(frames_.front());
  return &frames_.front();
}

void LogTail::Pop() {
  body_bytes_ -= frames_.front().header.body_bytes;
  frames_.pop_front();
}

void LogTail::Clear() {
  frames_.clear();
  body_bytes_ = 0;
}

std::optional<uint64_t> LogTail::Number() const {
  if (!current_) return std::nullopt;
  return current_->header.number;
}

}  // namespace ei::wal
