#include "adapters/wal/segment_table.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <limits>
#include <utility>

namespace ei::wal {

void SegmentTable::Recover(std::span<const SegmentHeader> found, SettledMap settled, uint64_t end,
                           base::SteadyTime now) {
  settled_ = std::move(settled);
  end_ = end;
  unsettled_ = settled_.Unsettled(0, end);
  for (const SegmentHeader& header : found) {
    if (!segments_.empty()) segments_.rbegin()->second.filled_at = now;
    segments_.emplace(KeyOf(header), Segment{.header = header});
    bytes_ += header.segment_bytes;
  }
  for (auto it = segments_.begin(); it != segments_.end(); ++it) {
    it->second.unsettled = settled_.Unsettled(it->first.first_position, EndOf(it));
    if (it->second.unsettled == 0) NoteDone(it);
  }
}

Segment& SegmentTable::Begin(const SegmentHeader& header, base::SteadyTime now) {
  assert(header.first_position <= end_);
  const auto added = segments_.emplace(KeyOf(header), Segment{.header = header}).first;
  assert(std::next(added) == segments_.end());
  bytes_ += header.segment_bytes;
  open_ = added;
  added->second.unsettled = settled_.Unsettled(header.first_position, end_);
  if (added != segments_.begin()) {
    const auto before = std::prev(added);
    before->second.filled_at = now;
    before->second.unsettled -= added->second.unsettled;  // they are in the new one now
    if (before->second.unsettled == 0) NoteDone(before);
  }
  return added->second;
}

void SegmentTable::Append(uint64_t events) {
  assert(open_ != segments_.end());
  end_ += events;
  unsettled_ += events;
  open_->second.unsettled += events;
}

uint64_t SegmentTable::Settle(uint64_t begin, uint64_t end) {
  uint64_t settled = 0;
  while (begin < end) {
    const auto segment = Locate(begin);
    uint64_t to = end;
    if (segment != segments_.end()) {
      to = std::min(end, EndOf(segment));
    } else if (!segments_.empty()) {
      to = std::min(end, segments_.begin()->first.first_position);
    }
    const uint64_t marked = settled_.Mark(begin, to);
    if (segment != segments_.end() && marked > 0) {
      segment->second.unsettled -= marked;
      if (segment->second.unsettled == 0 && segment != open_) NoteDone(segment);
    }
    settled += marked;
    begin = to;
  }
  unsettled_ -= settled;
  return settled;
}

void SegmentTable::Remove(const Key& key) {
  const auto segment = segments_.find(key);
  if (segment == segments_.end()) return;
  assert(segment->second.unsettled == 0 && segment != open_);
  if (last_located_ == segment) last_located_ = segments_.end();
  bytes_ -= segment->second.header.segment_bytes;
  done_.erase(key);
  segments_.erase(segment);
}

const Segment* SegmentTable::At(uint64_t position) const {
  const auto after = segments_.upper_bound({position, std::numeric_limits<uint64_t>::max()});
  return after == segments_.begin() ? nullptr : &std::prev(after)->second;
}

std::optional<SegmentHeader> SegmentTable::Oldest() const {
  if (segments_.empty()) return std::nullopt;
  return segments_.begin()->second.header;
}

Segment* SegmentTable::Find(const Key& key) {
  const auto segment = segments_.find(key);
  return segment == segments_.end() ? nullptr : &segment->second;
}

uint64_t SegmentTable::EndOf(const Key& key) const {
  const auto segment = segments_.find(key);
  assert(segment != segments_.end());
  return EndOf(segment);
}

std::vector<SegmentTable::Key> SegmentTable::TakeNewlyDone() { return std::exchange(newly_done_, {}); }

std::vector<SegmentHeader> SegmentTable::Headers() const {
  std::vector<SegmentHeader> headers;
  headers.reserve(segments_.size());
  for (const auto& [key, segment] : segments_) headers.push_back(segment.header);
  return headers;
}

// Events that are settled together are mostly in one segment, so the last result is tried first.
SegmentTable::Segments::iterator SegmentTable::Locate(uint64_t position) {
  if (last_located_ != segments_.end() && position >= last_located_->first.first_position &&
      position < EndOf(last_located_)) {
    return last_located_;
  }
  const auto after = segments_.upper_bound({position, std::numeric_limits<uint64_t>::max()});
  if (after == segments_.begin()) return segments_.end();
  last_located_ = std::prev(after);
  return last_located_;
}

uint64_t SegmentTable::EndOf(Segments::const_iterator segment) const {
  const auto next = std::next(segment);
  return next == segments_.end() ? end_ : next->first.first_position;
}

void SegmentTable::NoteDone(Segments::const_iterator segment) {
  if (done_.insert(segment->first).second) newly_done_.push_back(segment->first);
}

}  // namespace ei::wal
