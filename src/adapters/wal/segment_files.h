#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/wal/disk.h"

namespace ei::wal {

// "00000000000000000042.wal"
std::string SegmentName(uint64_t number);
std::optional<uint64_t> SegmentNumber(std::string_view name);

// A quarantined segment: "00000000000000000042.damaged".
std::string DamagedName(uint64_t number);
std::optional<uint64_t> DamagedNumber(std::string_view name);

// An empty file that marks a segment with lost events: "00000000000000000042.marked". The segment will be
// quarantined even if a restart finds no damage in the rest of it.
std::string MarkName(uint64_t number);
std::optional<uint64_t> MarkNumber(std::string_view name);

// The sent notes of a lane: "00000000000000000042.sent". These numbers are independent of segment numbers.
std::string SentName(uint64_t number);
std::optional<uint64_t> SentNumber(std::string_view name);

// A segment that is being made. One that a crash left is discarded.
inline constexpr const char* kUnfinishedSegmentName = "segment.tmp";

// Creates the segment file of a number, filled with zeros. On success the file and its name survive a loss of
// power, so that a commit only has to sync its own bytes. A file of zeros is an unused segment.
DiskResult<std::shared_ptr<File>> MakeSegment(Directory& directory, uint64_t number, uint64_t bytes);

}  // namespace ei::wal
