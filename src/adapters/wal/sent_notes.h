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

// The bytes of a file of notes (journal/sent_log.h), as FORMAT.md describes them: a header, then frames of
// notes, each written at once and under a sum of its own.

inline constexpr uint64_t kSentHeaderBytes = 20;
inline constexpr uint64_t kSentFrameHeaderBytes = 8;
// Bounds what a reader allocates; a lane notes a few bytes an event, and flushes each turn.
inline constexpr uint64_t kSentFrameBytesMax = 4 << 20;
inline constexpr uint64_t kSentStampBytesMax = 1024;
// Of a batch: with a position's 9 bytes at the most it fits into a frame together with others.
inline constexpr uint64_t kSentEventsMax = 400'000;

// Whose notes they are.
struct SentHeader {
  uint32_t lane = 0;
  uint32_t lanes = 1;  // that the journal had

  friend bool operator==(const SentHeader&, const SentHeader&) = default;
};

using PositionRun = std::pair<uint64_t, uint64_t>;  // from, and one past

std::string EncodeSentHeader(const SentHeader& header);
std::optional<SentHeader> DecodeSentHeader(std::string_view bytes);

// `positions` rise and are not empty; about a byte for each.
void AppendSent(std::string& notes, std::span<const uint64_t> positions, std::string_view stamp);
// All events of the batch that begins with `first`; it stands in the same file.
void AppendSettledBatch(std::string& notes, uint64_t first);
// `runs` rise, apart.
void AppendSettled(std::string& notes, std::span<const PositionRun> runs);

void AppendSentFrame(std::string& out, std::string_view notes);

// What a file says, note by note. The views are valid until the call returns.
class SentNotesVisitor {
 public:
  virtual ~SentNotesVisitor() = default;
  virtual void OnSent(std::span<const uint64_t> positions, std::string_view stamp) = 0;  // rising
  virtual void OnSettledBatch(uint64_t first) = 0;
  virtual void OnSettled(uint64_t begin, uint64_t end) = 0;  // begin < end
};

// Tells what the notes of a frame say, until something in them is not as it is written.
void ReadSentNotes(std::string_view notes, SentNotesVisitor& visitor);

// Reads frame by frame as far as their sums are right: what comes behind a torn one is not known.
DiskResult<void> ReadSentFrames(File& file, SentNotesVisitor& visitor);

}  // namespace ei::wal
