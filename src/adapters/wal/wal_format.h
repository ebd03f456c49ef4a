#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ei::wal {

// Encoding and decoding of the log, as FORMAT.md describes it; no I/O. All numbers are little-endian.

inline constexpr uint32_t kFormatVersion = 3;
// Frames begin at a sector, so that synced bytes never share a sector with bytes that are written later.
inline constexpr uint64_t kSectorBytes = 512;
inline constexpr uint64_t kSegmentHeaderBytes = 2 * kSectorBytes;
inline constexpr uint64_t kFrameHeaderBytes = 64;
inline constexpr uint64_t kIndexEntryBytes = 36;
inline constexpr uint64_t kOriginBytes = 12;
// Bounds, in addition to the segment's size, what a reader allocates because of a damaged number.
inline constexpr uint32_t kFrameEventsMax = 1 << 20;

struct SegmentHeader {
  uint64_t number = 0;  // as in the file's name
  uint64_t first_position = 0;
  uint64_t salt = 0;  // random; repeated in each frame, so that bytes of a client can't pass for a frame
  uint64_t segment_bytes = 0;
};

// Returns kSegmentHeaderBytes bytes: the header twice, in a sector each.
std::string EncodeSegmentHeader(const SegmentHeader& header);

// Returns the first sound copy; nullopt: there is none. `version` receives the version of a header with a
// correct checksum, also if this program doesn't know that version.
std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view bytes, uint32_t* version = nullptr);

// A number of consecutive events of a frame that belong to one client.
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
  int64_t accepted_at = 0;  // acceptance of its first request: wall clock, nanoseconds
  uint64_t body_bytes = 0;
  uint32_t events = 0;
  uint16_t topic_size = 0;  // size of FrameEnd::topic
  uint32_t origins = 0;     // size of FrameEnd::origins; 0: written by version 1 or 2, which have none
};

// One event of a frame. Offsets count from the event's first byte.
struct IndexEntry {
  static constexpr uint32_t kNoKey = 0xffffffff;

  uint32_t crc = 0;  // CRC-32C of the event's bytes
  uint32_t size = 0;
  uint32_t value_size = 0;  // the value begins at offset 0
  uint32_t key_offset = 0;  // kNoKey: none
  uint32_t key_size = 0;
  uint8_t context_size = 0;  // the context (event/event_context.h) is the last bytes of the event
  uint8_t added_size = 0;    // bytes of the value behind its first byte that the service added
  uint16_t topic_size = 0;   // the topic is before the context; 0: the frame's topic
  uint32_t key_hash = 0;
  uint32_t id_offset = 0;
  uint32_t id_size = 0;
};

// The part of a frame behind its bodies.
struct FrameEnd {
  std::vector<IndexEntry> index;
  std::vector<Origin> origins;
  // The topic of events that name none: the sink's topic when they were accepted. Empty: the sink has none,
  // or version 1 or 2 wrote the frame.
  std::string topic;
};

// Iterates over the clients of a frame's events; `origins` must outlive it.
class OriginCursor {
 public:
  explicit OriginCursor(std::span<const Origin> origins) : origins_(origins) {}

  // The client of the next event; nullopt: the frame doesn't say.
  std::optional<uint64_t> Next();

 private:
  std::span<const Origin> origins_;
  uint32_t returned_ = 0;  // events of the first origin that were returned
};

// The size of a frame in its segment, padded to whole sectors. `end_bytes`: size of origins and topic.
uint64_t FrameBytes(uint64_t body_bytes, uint64_t events, uint64_t end_bytes = 0);
uint64_t FrameBytes(const FrameHeader& header);

// The size of the part behind the bodies, without padding.
uint64_t FrameEndBytes(const FrameHeader& header);

// Append the header and, after the caller has appended `header.body_bytes` of bodies, the end and the
// padding. `out` must begin at a sector boundary.
void AppendFrameHeader(std::string& out, const FrameHeader& header, std::string_view encoded_end);
void AppendFrameEnd(std::string& out, std::string_view encoded_end);
void AppendIndexEntry(std::string& out, const IndexEntry& entry);
void AppendOrigin(std::string& out, const Origin& origin);

// Adds events at the end; extends the last origin if it has the same client.
void AddOrigin(std::vector<Origin>& origins, const Origin& origin);

// Decodes a frame header; nullopt: it is damaged. `end_crc` receives the checksum for DecodeFrameEnd.
std::optional<FrameHeader> DecodeFrameHeader(std::string_view bytes, uint32_t* end_crc);

// Decodes the end of a frame. False: it is damaged or doesn't match the header.
bool DecodeFrameEnd(std::string_view bytes, uint32_t end_crc, const FrameHeader& header, FrameEnd& end);

// Whether the event's checksum is correct and its topic, if it has one, is a valid name.
bool IsSoundEvent(std::string_view bytes, const IndexEntry& entry);

}  // namespace ei::wal
