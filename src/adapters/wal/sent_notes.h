#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/wal/disk.h"

namespace ei::wal {

// Encoding and decoding of a file of sent notes (journal/sent_log.h), as FORMAT.md describes it: a header,
// then frames of notes. Each frame is written at once and has its own checksum.

inline constexpr uint64_t kSentHeaderBytes = 20;
inline constexpr uint64_t kSentFrameHeaderBytes = 8;
// Bounds the memory of a reader. A lane notes a few bytes for each event and flushes in each turn.
inline constexpr uint64_t kSentFrameBytesMax = 4 << 20;
inline constexpr uint64_t kSentStampBytesMax = 1024;
// The most events of one batch: with at most 9 bytes for each position the note fits into a frame together
// with others.
inline constexpr uint64_t kSentEventsMax = 400'000;

// Identifies the lane that wrote the notes.
struct SentHeader {
  uint32_t lane = 0;
  uint32_t lanes = 1;  // number of lanes of the journal at that time

  friend bool operator==(const SentHeader&, const SentHeader&) = default;
};

using PositionRun = std::pair<uint64_t, uint64_t>;  // begin, end (exclusive)

std::string EncodeSentHeader(const SentHeader& header);
std::optional<SentHeader> DecodeSentHeader(std::string_view bytes);

// Appends a note that a batch was sent. `positions` are ascending and not empty; takes about a byte for each.
void AppendSent(std::string& notes, std::span<const uint64_t> positions, std::string_view stamp);
// Appends a note that all events of the batch that begins with `first` are settled. The batch must be noted
// in the same file.
void AppendSettledBatch(std::string& notes, uint64_t first);
// Appends a note that these positions are settled. `runs` are ascending and do not touch.
void AppendSettled(std::string& notes, std::span<const PositionRun> runs);

void AppendSentFrame(std::string& out, std::string_view notes);

// Receives the notes of a file one by one. The views are valid until the call returns.
class SentNotesVisitor {
 public:
  virtual ~SentNotesVisitor() = default;
  virtual void OnSent(std::span<const uint64_t> positions, std::string_view stamp) = 0;  // ascending
  virtual void OnSettledBatch(uint64_t first) = 0;
  virtual void OnSettled(uint64_t begin, uint64_t end) = 0;  // begin < end
};

// Decodes the notes of a frame until the first one that is malformed.
void ReadSentNotes(std::string_view notes, SentNotesVisitor& visitor);

// Reads frame by frame as long as their checksums are right; everything behind a torn frame is ignored.
DiskResult<void> ReadSentFrames(File& file, SentNotesVisitor& visitor);

}  // namespace ei::wal
