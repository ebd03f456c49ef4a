#include "adapters/wal/recovery.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <system_error>

#include "adapters/wal/segment_files.h"
#include "adapters/wal/segment_scanner.h"
#include "base/crc32c.h"

namespace ei::wal {

namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

struct SegmentFile {
  std::shared_ptr<File> file;
  uint64_t bytes = 0;
  std::optional<SegmentHeader> header;
  bool unused = false;  // without a header, as it was made or as a first commit that was torn left it
};

// What a prepared segment has in place of a header: nothing, or the header of an earlier life.
bool IsUnused(std::string_view front) {
  for (; !front.empty(); front.remove_prefix(std::min<size_t>(kSectorBytes, front.size()))) {
    const std::string_view sector = front.substr(0, kSectorBytes);
    if (sector.find_first_not_of('\0') != std::string_view::npos && !DecodeSegmentHeader(sector))
      return false;
  }
  return true;
}

base::Result<SegmentFile> OpenSegment(Directory& directory, uint64_t number) {
  const std::string name = SegmentName(number);
  SegmentFile segment;
  auto file = directory.Open(name);
  if (!file) return std::unexpected(WalFault("can't open " + name, file.error()));
  segment.file = std::move(*file);
  const auto bytes = segment.file->Size();
  std::vector<char> front(kSegmentHeaderBytes);
  const auto got = bytes ? segment.file->Read(0, front) : bytes;
  if (!got) return std::unexpected(WalFault("can't read " + name, got.error()));
  segment.bytes = *bytes;
  uint32_t version = kFormatVersion;
  segment.header = DecodeSegmentHeader({front.data(), *got}, &version);
  if (version != kFormatVersion) {
    return base::Fail(base::ErrorKind::kStorage,
                      "wal.dir (WAL_DIR): " + name + " is of format version " + std::to_string(version) +
                          ", this program reads version " + std::to_string(kFormatVersion) +
                          "; start the program that wrote it once more and let it deliver all");
  }
  // A recycled file still has the header of its earlier life.
  if (segment.header && segment.header->number != number) segment.header.reset();
  segment.unused = !segment.header && IsUnused({front.data(), *got});
  return segment;
}

bool IsSound(const FoundSegment& segment) { return !segment.damaged; }

bool AllSound(const SegmentScanner& scanner) {
  std::string_view bodies = scanner.Bodies();
  for (const IndexEntry& entry : scanner.Index()) {
    if (base::Crc32c(bodies.substr(0, entry.size)) != entry.crc) return false;
    bodies.remove_prefix(entry.size);
  }
  return true;
}

// One past the last position that a frame in this segment has; `last_sound` tells whether all events of the
// last frame are, and where it begins.
struct SegmentEnd {
  uint64_t end = 0;
  uint64_t last_frame = 0;
  bool last_sound = true;
};

base::Result<SegmentEnd> EndOf(const FoundSegment& segment) {
  SegmentScanner scanner(*segment.file, segment.header);
  SegmentEnd found{.end = segment.header.first_position};
  for (;;) {
    const auto next = scanner.Next(kNoLimit);
    if (!next) {
      return std::unexpected(WalFault("can't read " + SegmentName(segment.header.number), next.error()));
    }
    if (!*next) return found;
    found = {scanner.Expected(), scanner.Frame().first_position, AllSound(scanner)};
  }
}

// Only one commit is ever on its way to the disk, so of the frames only the last of the newest segment can be
// torn; if it was known to be durable, it is not torn but damaged, and stays.
base::Result<void> FindEnd(FoundLog& log) {
  const auto newest = std::ranges::find_if(log.segments.rbegin(), log.segments.rend(), IsSound);
  if (newest == log.segments.rend()) return {};
  const auto found = EndOf(*newest);
  if (!found) return std::unexpected(found.error());
  log.torn = newest == log.segments.rbegin() && !found->last_sound &&
             found->last_frame >= log.checkpoint.durable_end;
  log.end = std::max(log.end, log.torn ? found->last_frame : found->end);
  return {};
}

// For a log without a checkpoint: what is below its first segment was settled, and so was what stood in those
// that are missing between two others.
base::Result<SettledMap> AssumeSettled(const std::vector<FoundSegment>& segments) {
  const auto first = std::ranges::find_if(segments, IsSound);
  if (first == segments.end()) return SettledMap();
  SettledMap settled(first->header.first_position);
  for (auto before = first, next = std::next(first); next != segments.end(); before = next++) {
    if (next->header.number == before->header.number + 1 || before->damaged || next->damaged) continue;
    const auto end = EndOf(*before);
    if (!end) return std::unexpected(end.error());
    settled.Mark(end->end, next->header.first_position);
  }
  return settled;
}

}  // namespace

base::Error WalFault(const std::string& what, int error) {
  return {base::ErrorKind::kStorage,
          "wal.dir (WAL_DIR): " + what + ": " + std::system_category().message(error) + "; check the disk"};
}

base::Result<FoundLog> ReadLog(Directory& directory, uint64_t segment_bytes) {
  const auto names = directory.List();
  if (!names) return std::unexpected(WalFault("can't list the folder", names.error()));
  auto checkpoint = CheckpointFile::Read(directory);
  if (!checkpoint) return std::unexpected(WalFault("can't read the checkpoint", checkpoint.error()));

  FoundLog log;
  log.has_checkpoint = checkpoint->has_value();
  if (*checkpoint) log.checkpoint = std::move(**checkpoint);
  log.end = std::max(log.checkpoint.durable_end, log.checkpoint.settled.Below());
  log.next_segment = log.checkpoint.next_segment;

  std::map<uint64_t, SegmentFile> files;
  for (const std::string& name : *names) {
    if (name.ends_with(".tmp")) log.leftovers.push_back(name);
    if (const auto number = DamagedNumber(name)) {
      log.set_aside.push_back(*number);
      log.next_segment = std::max(log.next_segment, *number + 1);
    }
    const auto number = SegmentNumber(name);
    if (!number) continue;
    auto opened = OpenSegment(directory, *number);
    if (!opened) return std::unexpected(opened.error());
    files.emplace(*number, std::move(*opened));
    log.next_segment = std::max(log.next_segment, *number + 1);
  }

  uint64_t last_used = 0;
  for (const auto& [number, segment] : files) {
    if (segment.header) last_used = number;
  }
  for (auto& [number, segment] : files) {
    if (segment.header) {
      log.segments.push_back({*segment.header, segment.file, false});
    } else if (number < last_used || !segment.unused) {
      log.segments.push_back({{.number = number, .segment_bytes = segment.bytes}, segment.file, true});
    } else if (segment.bytes == segment_bytes) {
      log.spares.push_back({number, segment.file});
    } else {
      log.leftovers.push_back(SegmentName(number));
    }
  }
  if (!log.has_checkpoint) {
    auto settled = AssumeSettled(log.segments);
    if (!settled) return std::unexpected(settled.error());
    log.checkpoint.settled = std::move(*settled);
  }
  if (auto found = FindEnd(log); !found) return std::unexpected(found.error());
  return log;
}

}  // namespace ei::wal
