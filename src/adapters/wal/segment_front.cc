#include "adapters/wal/segment_front.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <system_error>

#include "adapters/wal/log_limits.h"
#include "adapters/wal/recovery.h"
#include "base/crc32c.h"

namespace ei::wal {

namespace {

constexpr uint64_t kFrontBytes = kSegmentHeaderBytes + kFrameHeaderBytes;

// Reads the header and the first frame's header, as far as the file has them. A sector that can't be read
// counts as damaged and does not affect the others.
DiskResult<std::string> ReadFront(File& file, bool* faults = nullptr) {
  std::string front(kFrontBytes, '\0');
  auto got = file.Read(0, front);
  if (!got && got.error() == EIO) {
    got = 0;
    for (size_t at = 0; at < front.size(); at += kSectorBytes) {
      const auto sector = std::span(front).subspan(at, std::min<size_t>(kSectorBytes, front.size() - at));
      const auto part = file.Read(at, sector);
      if (!part && part.error() != EIO) return std::unexpected(part.error());
      if (!part) std::ranges::fill(sector, '\0');
      if (!part && faults != nullptr) *faults = true;
      got = part ? at + *part : at + sector.size();
      if (part && *part < sector.size()) break;
    }
  }
  if (!got) return std::unexpected(got.error());
  front.resize(*got);
  return front;
}

std::string_view HeaderIn(std::string_view front) { return front.substr(0, kSegmentHeaderBytes); }

bool IsPlausible(const SegmentHeader& header) {
  return header.number <= kSegmentNumbersMax && header.first_position <= kPositionsMax;
}

// Derives the header from the first frame, which is always directly behind the header, where no bytes of a
// client can be, and which names its segment.
std::optional<SegmentHeader> HeaderByFirstFrame(std::string_view front) {
  uint32_t index_crc = 0;
  if (front.size() < kFrontBytes) return std::nullopt;
  const auto frame = DecodeFrameHeader(front.substr(kSegmentHeaderBytes), &index_crc);
  if (!frame) return std::nullopt;
  return SegmentHeader{.number = frame->segment,
                       .first_position = frame->first_position,
                       .salt = frame->salt,
                       .segment_bytes = kSegmentBytesMax};
}

base::Result<std::optional<SegmentHeader>> KnownHeader(const std::string& name, std::string_view front) {
  uint32_t version = kFormatVersion;
  auto header = DecodeSegmentHeader(HeaderIn(front), &version);
  if (version <= kFormatVersion) return header;
  return base::Fail(base::ErrorKind::kInvalid,
                    "wal.dir (WAL_DIR): " + name + " is of format version " + std::to_string(version) +
                        ", this program reads versions up to " + std::to_string(kFormatVersion) +
                        "; use the event-ingestor that wrote it, or a newer one");
}

void FindHeaderDamage(std::string_view front, SurveyedSegment& segment) {
  const std::string_view header = HeaderIn(front);
  for (uint64_t at = 0; at < kSegmentHeaderBytes; at += kSectorBytes) {
    const bool sound = at < header.size() && DecodeSegmentHeader(header.substr(at, kSectorBytes));
    // The header and the first frame are written together: if the frame is not sound, the header need not be
    // complete.
    if (!sound && HeaderByFirstFrame(front)) {
      segment.damage.push_back({"one of the two copies of the header is damaged", at, at + kSectorBytes});
    }
  }
}

}  // namespace

base::Result<SegmentFront> ReadSegmentFront(Directory& directory, const std::string& name, uint64_t number,
                                            bool quarantined) {
  SegmentFront found;
  SurveyedSegment& segment = found.segment;
  segment.name = name;
  segment.number = number;
  const auto file = directory.Open(name);
  if (!file && file.error() == ENOENT) return base::Fail(base::ErrorKind::kUnavailable, name + " is gone");
  if (!file && (file.error() == EINVAL || file.error() == EIO)) {
    segment.damage.push_back({file.error() == EINVAL ? "it is not a file" : "the disk can't read it"});
    return found;
  }
  const auto bytes = file ? (*file)->Size() : std::unexpected(file.error());
  bool faults = false;
  const auto front = bytes ? ReadFront(**file, &faults) : std::unexpected(bytes.error());
  if (!front) return std::unexpected(WalFault("can't read " + name, front.error()));
  auto header = KnownHeader(name, *front);
  if (!header) return std::unexpected(header.error());

  segment.file_bytes = *bytes;
  segment.front_crc = base::Crc32c(HeaderIn(*front));
  segment.read_bytes = std::min(*bytes, kSegmentBytesMax);
  const bool is_zeros = std::ranges::all_of(HeaderIn(*front), [](char byte) { return byte == '\0'; });
  const auto is_usable = [&](const SegmentHeader& candidate) {
    return IsPlausible(candidate) && (quarantined || candidate.number == number);
  };
  const auto& stated = *header;
  found.unused = !faults && (is_zeros || (stated && stated->number != number));
  if (stated && is_usable(*stated)) {
    segment.readable = true;
    segment.header = *stated;
    FindHeaderDamage(*front, segment);
    if (*bytes < stated->segment_bytes) {
      segment.damage.push_back({"the file ends early", *bytes, stated->segment_bytes});
    }
    segment.read_bytes = std::min(segment.read_bytes, stated->segment_bytes);
  } else if (const auto by_frame = HeaderByFirstFrame(*front); by_frame && is_usable(*by_frame)) {
    segment.readable = true;
    segment.header = *by_frame;
    segment.damage.push_back({"both copies of the header are damaged", 0, kSegmentHeaderBytes});
  }
  return found;
}

bool IsUnchanged(File& file, const SurveyedSegment& segment) {
  const auto front = ReadFront(file);
  return front && base::Crc32c(HeaderIn(*front)) == segment.front_crc;
}

}  // namespace ei::wal
