#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "adapters/wal/wal_format.h"
#include "base/crc32c.h"

namespace ei::wal {

// Builds a segment's bytes frame by frame.
class SegmentBytes {
 public:
  explicit SegmentBytes(const SegmentHeader& header) : header_(header), bytes_(EncodeSegmentHeader(header)) {}

  // Appends a frame of these events; `salt`, `segment` and `first` are used as given, right or wrong.
  std::string Frame(uint64_t first, const std::vector<std::string>& values, uint64_t segment,
                    uint64_t salt) const {
    FrameHeader frame{.segment = segment, .salt = salt, .first_position = first};
    std::string index;
    std::string bodies;
    for (const std::string& value : values) {
      IndexEntry entry{.crc = base::Crc32c(value), .key_offset = IndexEntry::kNoKey};
      entry.size = entry.value_size = static_cast<uint32_t>(value.size());
      AppendIndexEntry(index, entry);
      bodies += value;
    }
    frame.body_bytes = bodies.size();
    frame.events = static_cast<uint32_t>(values.size());
    std::string out;
    AppendFrameHeader(out, frame, index);
    out.append(bodies);
    AppendFrameEnd(out, index);
    return out;
  }

  // Appends a frame of this segment; returns where it begins.
  size_t Add(uint64_t first, const std::vector<std::string>& values) {
    const size_t offset = bytes_.size();
    bytes_ += Frame(first, values, header_.number, header_.salt);
    return offset;
  }
  void AddRaw(std::string_view bytes) { bytes_ += bytes; }

  const SegmentHeader& Header() const { return header_; }
  // With zeros up to the segment's end.
  std::string Whole() const {
    std::string whole = bytes_;
    if (whole.size() < header_.segment_bytes) whole.resize(header_.segment_bytes);
    return whole;
  }
  const std::string& Bytes() const { return bytes_; }

 private:
  const SegmentHeader header_;
  std::string bytes_;
};

}  // namespace ei::wal
