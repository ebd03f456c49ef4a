#include "adapters/wal/recovery.h"

#include <algorithm>
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
};

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
  return segment;
}

bool AllSound(const SegmentScanner& scanner) {
  std::string_view bodies = scanner.Bodies();
  for (const IndexEntry& entry : scanner.Index()) {
    if (base::Crc32c(bodies.substr(0, entry.size)) != entry.crc) return false;
    bodies.remove_prefix(entry.size);
  }
  return true;
}

// One past the last position in the newest segment. Only one commit is ever on its way to the disk, so of the
// frames only the last can be torn; if it was known to be durable, it is not torn but damaged, and stays.
base::Result<void> FindEnd(const FoundSegment& newest, FoundLog& log) {
  SegmentScanner scanner(*newest.file, newest.header);
  uint64_t end = newest.header.first_position;
  bool torn = false;
  for (;;) {
    const auto found = scanner.Next(kNoLimit);
    if (!found)
      return std::unexpected(WalFault("can't read " + SegmentName(newest.header.number), found.error()));
    if (!*found) break;
    torn = !AllSound(scanner) && scanner.Frame().first_position >= log.checkpoint.durable_end;
    end = torn ? scanner.Frame().first_position : scanner.Expected();
  }
  log.torn = torn;
  log.end = std::max(log.end, end);
  return {};
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
    if (const auto number = DamagedNumber(name)) log.set_aside.push_back(*number);
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
    } else if (number < last_used) {
      log.segments.push_back({{.number = number, .segment_bytes = segment.bytes}, segment.file, true});
    } else if (segment.bytes == segment_bytes) {
      log.spares.push_back({number, segment.file});
    } else {
      log.leftovers.push_back(SegmentName(number));
    }
  }
  if (!log.segments.empty()) {
    if (auto found = FindEnd(log.segments.back(), log); !found) return std::unexpected(found.error());
  }
  return log;
}

}  // namespace ei::wal
