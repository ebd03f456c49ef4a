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

inline constexpr uint32_t kFormatVersion = 3;
// Nothing that is synced shares a sector with what is written after it.
inline constexpr uint64_t kSectorBytes = 512;
inline constexpr uint64_t kSegmentHeaderBytes = 2 * kSectorBytes;
inline constexpr uint64_t kFrameHeaderBytes = 64;
inline constexpr uint64_t kIndexEntryBytes = 36;
inline constexpr uint64_t kOriginBytes = 12;
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

// So many events of a frame, in a row, are one client's.
struct Origin {
  uint32_t events = 0;
  uint64_t client = 0;  // a ClientIdentity

  friend bool operator==(const Origin&, const Origin&) = default;
};

// One commit: the events of one or more requests, written and synced as a whole.
struct FrameHeader {
  uint64_t segment = 0;
  uint64_t salt = 0;
  uint64_t first_position = 0;
  int64_t accepted_at = 0;  // of its first request: wall clock, nanoseconds
  uint64_t body_bytes = 0;
  uint32_t events = 0;
  uint16_t topic_size = 0;  // of FrameEnd::topic
  uint32_t origins = 0;     // of FrameEnd::origins; 0: written by version 1 or 2, which knows none
};

// One event of a frame. Offsets count from the event's first byte.
struct IndexEntry {
  static constexpr uint32_t kNoKey = 0xffffffff;

  uint32_t crc = 0;  // CRC-32C of the event's bytes
  uint32_t size = 0;
  uint32_t value_size = 0;  // from offset 0
  uint32_t key_offset = 0;  // kNoKey: none
  uint32_t key_size = 0;
  uint8_t trace_size = 0;   // the last bytes
  uint8_t added_size = 0;   // of the value, behind its first byte: what the client didn't write
  uint16_t topic_size = 0;  // those before the trace; 0: the frame's
  uint32_t key_hash = 0;
  uint32_t id_offset = 0;
  uint32_t id_size = 0;
};

// What stands behind a frame's bodies.
struct FrameEnd {
  std::vector<IndexEntry> index;
  std::vector<Origin> origins;
  std::string topic;  // of the events that name none: the sink's own when they were accepted; empty: it has
                      // none, or version 1 or 2 wrote the frame
};

// The clients of a frame's events, one after the other; `origins` outlives it.
class OriginCursor {
 public:
  explicit OriginCursor(std::span<const Origin> origins) : origins_(origins) {}

  // Of the next event; nullopt: the frame doesn't say.
  std::optional<uint64_t> Next();

 private:
  std::span<const Origin> origins_;
  uint32_t told_ = 0;  // of the first one
};

// What a frame takes in its segment, padded to whole sectors. `end_bytes`: of origins and topic.
uint64_t FrameBytes(uint64_t body_bytes, uint64_t events, uint64_t end_bytes = 0);
uint64_t FrameBytes(const FrameHeader& header);

// What stands behind the bodies, without the padding.
uint64_t FrameEndBytes(const FrameHeader& header);

// Appends the header and, after the caller has appended `header.body_bytes` of bodies, their end and padding;
// `out` began at a whole sector.
void AppendFrameHeader(std::string& out, const FrameHeader& header, std::string_view encoded_end);
void AppendFrameEnd(std::string& out, std::string_view encoded_end);
void AppendIndexEntry(std::string& out, const IndexEntry& entry);
void AppendOrigin(std::string& out, const Origin& origin);

// Adds events behind those that are there, to the last origin if they are the same client's.
void AddOrigin(std::vector<Origin>& origins, const Origin& origin);

// A sound header that says it belongs to this segment; `end_crc` is for DecodeFrameEnd.
std::optional<FrameHeader> DecodeFrameHeader(std::string_view bytes, uint32_t* end_crc);

// False: it is damaged, or does not fit the header.
bool DecodeFrameEnd(std::string_view bytes, uint32_t end_crc, const FrameHeader& header, FrameEnd& end);

// Whether the event's bytes are those that were written, and can be delivered as they say.
bool IsSoundEvent(std::string_view bytes, const IndexEntry& entry);

}  // namespace ei::wal
