#include "adapters/wal/segment_scanner.h"

#include <algorithm>

namespace ei::wal {

namespace {

constexpr uint64_t kReadAheadBytes = 64 << 10;

}  // namespace

SegmentScanner::SegmentScanner(File& file, const SegmentHeader& segment)
    : file_(file), segment_(segment), expected_(segment.first_position) {}

DiskResult<bool> SegmentScanner::Next(uint64_t limit, uint64_t wanted) {
  uint64_t at = offset_;
  while (expected_ < limit && at + kFrameHeaderBytes <= segment_.segment_bytes) {
    const auto front = View(at, kFrameHeaderBytes);
    if (!front) return std::unexpected(front.error());
    if (front->size() < kFrameHeaderBytes) return false;
    uint32_t end_crc = 0;
    const auto found = DecodeFrameHeader(*front, &end_crc);
    if (!found || !Fits(*found, at, limit)) {
      at += kSectorBytes;
      continue;
    }
    const uint64_t bytes = FrameBytes(*found);
    if (found->first_position + found->events <= wanted) {
      at += bytes;
      offset_ = at;
      expected_ = found->first_position + found->events;
      continue;
    }
    const auto whole = View(at, bytes);
    if (!whole) return std::unexpected(whole.error());
    const uint64_t end_at = kFrameHeaderBytes + found->body_bytes;
    const uint64_t end_bytes = FrameEndBytes(*found);
    if (whole->size() < end_at + end_bytes ||
        !DecodeFrameEnd(whole->substr(end_at, end_bytes), end_crc, *found, end_)) {
      at += kSectorBytes;
      continue;
    }
    frame_ = *found;
    frame_offset_ = at;
    bodies_ = whole->substr(kFrameHeaderBytes, found->body_bytes);
    offset_ = at + bytes;
    expected_ = found->first_position + found->events;
    return true;
  }
  return false;
}

bool SegmentScanner::AllSound() const {
  std::string_view bodies = bodies_;
  return std::ranges::all_of(end_.index, [&](const IndexEntry& entry) {
    const std::string_view event = bodies.substr(0, entry.size);
    bodies.remove_prefix(entry.size);
    return IsSoundEvent(event, entry);
  });
}

bool SegmentScanner::Fits(const FrameHeader& frame, uint64_t offset, uint64_t limit) const {
  const uint64_t room = segment_.segment_bytes - offset;
  return frame.segment == segment_.number && frame.salt == segment_.salt &&
         frame.first_position >= expected_ && frame.first_position < limit && frame.body_bytes <= room &&
         FrameBytes(frame) <= room;
}

DiskResult<size_t> SegmentScanner::Read(uint64_t offset, std::span<char> bytes) {
  const auto got = file_.Read(offset, bytes);
  if (got || !past_faults_) return got;
  for (uint64_t at = 0; at < bytes.size(); at += kSectorBytes) {
    const auto sector = bytes.subspan(at, std::min<size_t>(kSectorBytes, bytes.size() - at));
    const auto read = file_.Read(offset + at, sector);
    if (!read) std::ranges::fill(sector, '\0');
    met_faults_ = met_faults_ || !read;
    if (read && *read < sector.size()) return at + *read;
  }
  return bytes.size();
}

// The bytes from `offset` on; fewer than asked only at the end of the file.
DiskResult<std::string_view> SegmentScanner::View(uint64_t offset, uint64_t bytes) {
  if (offset < buffer_offset_ || offset + bytes > buffer_offset_ + buffered_) {
    const uint64_t wanted = std::max(bytes, std::min(kReadAheadBytes, segment_.segment_bytes - offset));
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    buffered_ = 0;
    auto got = Read(offset, std::span(buffer_).first(wanted));
    // An unreadable sector in the read-ahead must not prevent reading the bytes before it.
    if (!got && wanted > bytes) got = Read(offset, std::span(buffer_).first(bytes));
    if (!got) return std::unexpected(got.error());
    buffer_offset_ = offset;
    buffered_ = *got;
  }
  const uint64_t from = offset - buffer_offset_;
  return std::string_view(buffer_.data() + from, std::min(bytes, buffered_ - std::min(from, buffered_)));
}

}  // namespace ei::wal
