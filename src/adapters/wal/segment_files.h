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

// A damaged segment that was set aside: "00000000000000000042.damaged".
std::string DamagedName(uint64_t number);
std::optional<uint64_t> DamagedNumber(std::string_view name);

// An empty file beside a segment of which events are lost: "00000000000000000042.marked". It will be set
// aside, though a restart finds no damage in what is left of it.
std::string MarkName(uint64_t number);
std::optional<uint64_t> MarkNumber(std::string_view name);

// What a lane has noted of what it sent: "00000000000000000042.sent". Their numbers are no segments'.
std::string SentName(uint64_t number);
std::optional<uint64_t> SentNumber(std::string_view name);

// A segment in the making; one that a crash left is worth nothing.
inline constexpr const char* kUnfinishedSegmentName = "segment.tmp";

// Makes the segment file of a number, all zeros. Once it has returned, the file and its name survive a loss
// of power, so that a commit needs to sync nothing but its own bytes. A file of zeros is an unused segment.
DiskResult<std::shared_ptr<File>> MakeSegment(Directory& directory, uint64_t number, uint64_t bytes);

}  // namespace ei::wal
