#include "adapters/wal/recovery.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <system_error>

#include "adapters/wal/log_limits.h"
#include "adapters/wal/segment_files.h"
#include "adapters/wal/segment_scanner.h"

namespace ei::wal {

namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

struct SegmentFile {
  uint64_t bytes = 0;
  std::optional<SegmentHeader> header;
  bool unused = false;  // no header: as it was created, or as a torn first commit left it
};

// Whether the bytes are what a prepared segment has in place of a header: zeros, or the header of a previous
// use.
bool IsUnused(std::string_view front) {
  for (; !front.empty(); front.remove_prefix(std::min<size_t>(kSectorBytes, front.size()))) {
    const std::string_view sector = front.substr(0, kSectorBytes);
    const bool zeros = sector.find_first_not_of('\0') == std::string_view::npos;
    if (!zeros && !DecodeSegmentHeader(sector)) return false;
  }
  return true;
}

// Derives the header of a segment from its first frame, which also has the salt. The search is limited to the
// front of the file, because most files without a header contain only zeros. It is used only if the header is
// lost, because only then could bytes of a client pass for a frame.
DiskResult<std::optional<SegmentHeader>> HeaderFromFrames(File& file, uint64_t number, uint64_t bytes) {
  constexpr uint64_t kSearchBytes = 64 << 10;
  std::vector<char> front(std::min(bytes, kSearchBytes));
  const auto got = file.Read(0, front);
  if (!got) return std::unexpected(got.error());
  for (uint64_t offset = kSegmentHeaderBytes; offset + kFrameHeaderBytes <= *got; offset += kSectorBytes) {
    uint32_t index_crc = 0;
    const auto frame = DecodeFrameHeader({front.data() + offset, kFrameHeaderBytes}, &index_crc);
    if (!frame || frame->segment != number) continue;
    return SegmentHeader{number, frame->first_position, frame->salt, bytes};
  }
  return std::nullopt;
}

base::Result<SegmentFile> ReadSegmentFile(Directory& directory, uint64_t number) {
  const std::string name = SegmentName(number);
  SegmentFile segment;
  const auto file = directory.Open(name);
  if (!file) return std::unexpected(WalFault("can't open " + name, file.error()));
  const auto bytes = (*file)->Size();
  std::vector<char> front(kSegmentHeaderBytes);
  const auto got = bytes ? (*file)->Read(0, front) : bytes;
  if (!got) return std::unexpected(WalFault("can't read " + name, got.error()));
  segment.bytes = *bytes;
  uint32_t version = kFormatVersion;
  segment.header = DecodeSegmentHeader({front.data(), *got}, &version);
  if (version > kFormatVersion) {
    return base::Fail(base::ErrorKind::kStorage,
                      "wal.dir (WAL_DIR): " + name + " is of format version " + std::to_string(version) +
                          ", this program reads versions up to " + std::to_string(kFormatVersion) +
                          "; start the version that wrote it and let it deliver all events");
  }
  if (!segment.header) {
    const auto header = HeaderFromFrames(**file, number, segment.bytes);
    if (!header) return std::unexpected(WalFault("can't read " + name, header.error()));
    segment.header = *header;
  } else if (segment.header->number != number) {
    segment.header.reset();  // a recycled file still has the header of its previous use
  }
  // The size in the header may be wrong despite a correct checksum, so it is limited to the size of the file.
  const uint64_t sectors_bytes = (segment.bytes + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
  if (segment.header) segment.header->segment_bytes = std::min(segment.header->segment_bytes, sectors_bytes);
  segment.unused = !segment.header && IsUnused({front.data(), *got});
  return segment;
}

// The size of a file; 0 if it can't be opened or read.
uint64_t BytesOf(Directory& directory, const std::string& name) {
  const auto file = directory.Open(name);
  return file ? (*file)->Size().value_or(0) : 0;
}

bool IsSound(const FoundSegment& segment) { return !segment.damaged; }

struct SegmentEnd {
  uint64_t end = 0;                 // one past its last position
  std::optional<LastFrame> newest;  // its last frame, if it is sound and not known to be durable
  bool torn = false;
};

// Finds the end of a segment. Only one commit at a time is written, so only the last frame of a segment can
// be torn. If that frame was known to be durable, it is not torn but damaged, and stays.
base::Result<SegmentEnd> EndOf(Directory& directory, const FoundSegment& segment, uint64_t durable_end) {
  const std::string name = SegmentName(segment.header.number);
  const auto file = directory.Open(name);
  if (!file) return std::unexpected(WalFault("can't open " + name, file.error()));
  SegmentScanner scanner(**file, segment.header);
  SegmentEnd result;
  result.end = segment.header.first_position;
  for (;;) {
    const auto found = scanner.Next(kNoLimit);
    if (!found) return std::unexpected(WalFault("can't read " + name, found.error()));
    if (!*found) return result;
    const bool uncertain = scanner.Frame().first_position >= durable_end;
    result.torn = uncertain && !scanner.AllSound();
    result.newest.reset();
    if (uncertain && !result.torn) {
      result.newest = {scanner.Frame(), scanner.End(), std::string(scanner.Bodies())};
    }
    result.end = result.torn ? scanner.Frame().first_position : scanner.Expected();
  }
}

// Finds one past the last position of the log. A newest segment without a frame was begun by a commit that a
// crash cut off, and counts as never used. A newest segment whose only frame is a copy, made by a recovery
// that was interrupted, is not needed: the previous segment has the original, which may be the only one on
// the disk.
base::Result<void> FindEnd(Directory& directory, FoundLog& log) {
  const auto sound = std::ranges::find_if(log.segments.rbegin(), log.segments.rend(), IsSound);
  if (sound == log.segments.rend()) return {};
  if (sound != log.segments.rbegin()) {
    // Everything in this segment was durable when the damaged one behind it was begun.
    const auto found = EndOf(directory, *sound, kNoLimit);
    if (!found) return std::unexpected(found.error());
    log.end = std::max(log.end, found->end);
    return {};
  }
  while (!log.segments.empty() && IsSound(log.segments.back())) {
    const SegmentHeader& newest = log.segments.back().header;
    const uint64_t durable_end = log.checkpoint.durable_end;
    auto found = EndOf(directory, log.segments.back(), durable_end);
    if (!found) return std::unexpected(found.error());
    bool needed = found->end > newest.first_position || durable_end > newest.first_position;
    const std::optional<LastFrame>& last = found->newest;
    const bool lone = last.has_value() && last->header.first_position == newest.first_position;
    if (lone && log.segments.size() > 1 && !log.segments[log.segments.size() - 2].damaged) {
      const auto before = EndOf(directory, log.segments[log.segments.size() - 2], durable_end);
      if (!before) return std::unexpected(before.error());
      needed = before->end != found->end;
    }
    // Everything below was durable when it was begun.
    log.end = std::max(log.end, needed ? found->end : newest.first_position);
    if (needed) {
      log.last_frame = std::move(found->newest);
      log.torn = found->torn;
      return {};
    }
    log.leftovers.push_back(SegmentName(newest.number));
    log.segments.pop_back();
  }
  return {};
}

// For a log without a checkpoint: assumes that everything below its first segment is settled, and also the
// events of segments that are missing between two others.
base::Result<SettledMap> AssumeSettled(Directory& directory, const std::vector<FoundSegment>& segments) {
  const auto first = std::ranges::find_if(segments, IsSound);
  if (first == segments.end()) return SettledMap();
  SettledMap settled(first->header.first_position);
  for (auto before = first, next = std::next(first); next != segments.end(); before = next++) {
    if (next->header.number == before->header.number + 1 || before->damaged || next->damaged) continue;
    const auto end = EndOf(directory, *before, kNoLimit);
    if (!end) return std::unexpected(end.error());
    settled.Mark(end->end, next->header.first_position);
  }
  return settled;
}

// Applies the sent notes. Only synced events are sent, so if an event of the newest commit was sent, that
// commit is durable.
void ReadNotes(Directory& directory, FoundLog& log) {
  if (!log.has_checkpoint) {
    log.sent.unreliable = log.sent.files;
    return;
  }
  ReadSent(directory, log.end, log.checkpoint.settled, log.sent);
  uint64_t& durable_end = log.checkpoint.durable_end;
  durable_end = std::max(durable_end, log.sent.durable_end);
  if (log.last_frame && log.last_frame->header.first_position < log.sent.durable_end) {
    durable_end = log.end;
    log.last_frame.reset();
  }
}

}  // namespace

base::Error WalFault(const std::string& what, int error) {
  return {base::ErrorKind::kStorage,
          "wal.dir (WAL_DIR): " + what + ": " + std::system_category().message(error) + "; check the disk"};
}

base::Result<FoundLog> ReadLog(Directory& directory) {
  const auto names = directory.List();
  if (!names) return std::unexpected(WalFault("can't list the folder", names.error()));
  auto checkpoint = CheckpointFile::Read(directory);
  if (!checkpoint) return std::unexpected(WalFault("can't read the checkpoint", checkpoint.error()));

  FoundLog log;
  log.has_checkpoint = checkpoint->has_value();
  log.checkpoint = std::move(*checkpoint).value_or(Checkpoint());
  log.end = std::max(log.checkpoint.durable_end, log.checkpoint.settled.End());
  log.next_segment = log.checkpoint.next_segment;

  std::map<uint64_t, SegmentFile> files;
  std::set<uint64_t> marked;
  for (const std::string& name : *names) {
    if (name == kUnfinishedSegmentName || name == kUnfinishedCheckpointName) log.leftovers.push_back(name);
    if (const auto number = DamagedNumber(name); number && *number <= kSegmentNumbersMax) {
      log.quarantined.push_back({*number, BytesOf(directory, name)});
      log.next_segment = std::max(log.next_segment, *number + 1);
    }
    if (const auto number = MarkNumber(name)) marked.insert(*number);
    if (const auto number = SentNumber(name)) {
      log.sent.files.push_back(*number);
      if (*number <= kSegmentNumbersMax) log.sent.next_number = std::max(log.sent.next_number, *number + 1);
    }
    const auto number = SegmentNumber(name);
    if (!number || *number > kSegmentNumbersMax) continue;
    auto found = ReadSegmentFile(directory, *number);
    if (!found) return std::unexpected(found.error());
    files.emplace(*number, *found);
    log.next_segment = std::max(log.next_segment, *number + 1);
  }

  uint64_t last_used = 0;
  for (const auto& [number, segment] : files) {
    if (segment.header) last_used = number;
  }
  for (auto& [number, segment] : files) {
    if (segment.header) {
      log.segments.push_back({*segment.header, false});
    } else if (number < last_used || !segment.unused) {
      log.segments.push_back({{.number = number, .segment_bytes = segment.bytes}, true});
    } else {
      log.leftovers.push_back(SegmentName(number));
    }
  }
  for (FoundSegment& segment : log.segments) segment.marked = marked.erase(segment.header.number) > 0;
  for (const uint64_t number : marked) log.leftovers.push_back(MarkName(number));
  // A header whose position is above those of later segments is damaged, although its checksum is correct.
  uint64_t lowest = kPositionsMax;
  for (auto segment = log.segments.rbegin(); segment != log.segments.rend(); ++segment) {
    segment->damaged = segment->damaged || segment->header.first_position > lowest;
    if (!segment->damaged) lowest = segment->header.first_position;
  }
  if (!log.has_checkpoint) {
    auto settled = AssumeSettled(directory, log.segments);
    if (!settled) return std::unexpected(settled.error());
    log.checkpoint.settled = std::move(*settled);
  }
  if (auto found = FindEnd(directory, log); !found) return std::unexpected(found.error());
  std::ranges::sort(log.sent.files);
  ReadNotes(directory, log);
  return log;
}

}  // namespace ei::wal
