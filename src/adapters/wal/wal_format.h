#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ei::wal {

// The bytes of the log, as FORMAT.md describes them: encoding and decoding, no I/O. All numbers
// little-endian.

inline constexpr uint32_t kFormatVersion = 2;
// Nothing that is synced shares a sector with what is written after it.
inline constexpr uint64_t kSectorBytes = 512;
inline constexpr uint64_t kSegmentHeaderBytes = 2 * kSectorBytes;
inline constexpr uint64_t kFrameHeaderBytes = 64;
inline constexpr uint64_t kIndexEntryBytes = 36;
// Bounds what a damaged number can make a reader allocate, besides the segment's own size.
inline constexpr uint32_t kFrameEventsMax = 1 << 20;

struct SegmentHeader {
  uint64_t number = 0;  // as in the file's name
  uint64_t first_position = 0;
  uint64_t salt = 0;  // random: stands in each frame too, so that no client's bytes can pass for one
  uint64_t segment_bytes = 0;
};

// kSegmentHeaderBytes: the header twice, a sector each.
std::string EncodeSegmentHeader(const SegmentHeader& header);

// The first sound copy; nullopt when there is none. `version` tells what a sound header of another version
// says.
std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view bytes, uint32_t* version = nullptr);

// One commit: the events of one or more requests, written and synced as a whole.
struct FrameHeader {
  uint64_t segment = 0;
  uint64_t salt = 0;
  uint64_t first_position = 0;
  int64_t accepted_at = 0;  // of its first request: wall clock, nanoseconds
  uint64_t body_bytes = 0;
  uint32_t events = 0;
};

// One event of a frame. Offsets count from the event's first byte.
struct IndexEntry {
  static constexpr uint32_t kNoKey = 0xffffffff;

  uint32_t crc = 0;  // CRC-32C of the event's bytes
  uint32_t size = 0;
  uint32_t value_size = 0;  // from offset 0
  uint32_t key_offset = 0;  // kNoKey: none
  uint32_t key_size = 0;
  uint16_t trace_size = 0;  // the last bytes
  uint16_t topic_size = 0;  // those before it; 0: the sink's own
  uint32_t key_hash = 0;
  uint32_t id_offset = 0;
  uint32_t id_size = 0;
};

// What a frame takes in its segment, padded to whole sectors.
uint64_t FrameBytes(uint64_t body_bytes, uint64_t events);

// Appends the header and, after the caller has appended `header.body_bytes` of bodies, index and padding;
// `out` began at a whole sector.
void AppendFrameHeader(std::string& out, const FrameHeader& header, std::string_view encoded_index);
void AppendFrameEnd(std::string& out, std::string_view encoded_index);
void AppendIndexEntry(std::string& out, const IndexEntry& entry);

// A sound header that says it belongs to this segment; `index_crc` is for DecodeIndex.
std::optional<FrameHeader> DecodeFrameHeader(std::string_view bytes, uint32_t* index_crc);

// False: the index is damaged, or does not fit the header.
bool DecodeIndex(std::string_view bytes, uint32_t index_crc, const FrameHeader& header,
                 std::vector<IndexEntry>& index);

}  // namespace ei::wal
