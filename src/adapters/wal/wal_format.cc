#include "adapters/wal/wal_format.h"

#include "adapters/wal/little_endian.h"
#include "adapters/wal/log_limits.h"
#include "base/crc32c.h"

namespace ei::wal {

namespace {

constexpr std::string_view kSegmentMagic = "EI-WAL\r\n";  // text-mode transfers damage it at once
constexpr uint32_t kFrameMagic = 0x4d415246;              // "FRAM"
constexpr size_t kSegmentFieldBytes = 8 + 4 + 4 + 4 * 8;

}  // namespace

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string fields;
  AppendNumber(fields, kFormatVersion);
  AppendNumber(fields, header.number);
  AppendNumber(fields, header.first_position);
  AppendNumber(fields, header.salt);
  AppendNumber(fields, header.segment_bytes);
  std::string sector(kSegmentMagic);
  AppendNumber(sector, base::Crc32c(fields));
  sector.append(fields).resize(kSectorBytes);
  return sector + sector;
}

std::optional<SegmentHeader> DecodeSegmentHeader(std::string_view bytes, uint32_t* version) {
  for (; bytes.size() >= kSectorBytes; bytes.remove_prefix(kSectorBytes)) {
    std::string_view sector = bytes.substr(0, kSegmentFieldBytes);
    if (!sector.starts_with(kSegmentMagic)) continue;
    sector.remove_prefix(kSegmentMagic.size());
    const auto crc = TakeNumber<uint32_t>(sector);
    if (base::Crc32c(sector) != crc) continue;
    const auto found = TakeNumber<uint32_t>(sector);
    if (version != nullptr) *version = found;
    if (found == 0 || found > kFormatVersion) continue;
    SegmentHeader header;
    header.number = TakeNumber<uint64_t>(sector);
    header.first_position = TakeNumber<uint64_t>(sector);
    header.salt = TakeNumber<uint64_t>(sector);
    header.segment_bytes = TakeNumber<uint64_t>(sector);
    if (header.number > kSegmentNumbersMax || header.first_position > kPositionsMax) continue;
    return header;
  }
  return std::nullopt;
}

uint64_t FrameBytes(uint64_t body_bytes, uint64_t events) {
  const uint64_t bytes = kFrameHeaderBytes + body_bytes + events * kIndexEntryBytes;
  return (bytes + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
}

void AppendFrameHeader(std::string& out, const FrameHeader& header, std::string_view encoded_index) {
  std::string fields;
  AppendNumber(fields, header.segment);
  AppendNumber(fields, header.salt);
  AppendNumber(fields, header.first_position);
  AppendNumber(fields, header.accepted_at);
  AppendNumber(fields, header.body_bytes);
  AppendNumber(fields, header.events);
  AppendNumber(fields, base::Crc32c(encoded_index));
  fields.resize(kFrameHeaderBytes - 8);
  AppendNumber(out, kFrameMagic);
  AppendNumber(out, base::Crc32c(fields));
  out.append(fields);
}

void AppendFrameEnd(std::string& out, std::string_view encoded_index) {
  out.append(encoded_index);
  const size_t beyond = out.size() % kSectorBytes;
  if (beyond > 0) out.append(kSectorBytes - beyond, '\0');
}

void AppendIndexEntry(std::string& out, const IndexEntry& entry) {
  for (const uint32_t number : {entry.crc, entry.size, entry.value_size, entry.key_offset, entry.key_size}) {
    AppendNumber(out, number);
  }
  AppendNumber(out, entry.trace_size);
  AppendNumber(out, entry.topic_size);
  for (const uint32_t number : {entry.key_hash, entry.id_offset, entry.id_size}) AppendNumber(out, number);
}

std::optional<FrameHeader> DecodeFrameHeader(std::string_view bytes, uint32_t* index_crc) {
  if (bytes.size() < kFrameHeaderBytes) return std::nullopt;
  std::string_view fields = bytes.substr(0, kFrameHeaderBytes);
  if (TakeNumber<uint32_t>(fields) != kFrameMagic) return std::nullopt;
  const auto crc = TakeNumber<uint32_t>(fields);
  if (base::Crc32c(fields) != crc) return std::nullopt;
  FrameHeader header;
  header.segment = TakeNumber<uint64_t>(fields);
  header.salt = TakeNumber<uint64_t>(fields);
  header.first_position = TakeNumber<uint64_t>(fields);
  header.accepted_at = TakeNumber<int64_t>(fields);
  header.body_bytes = TakeNumber<uint64_t>(fields);
  header.events = TakeNumber<uint32_t>(fields);
  *index_crc = TakeNumber<uint32_t>(fields);
  if (header.events == 0 || header.events > kFrameEventsMax) return std::nullopt;
  if (header.first_position > kPositionsMax) return std::nullopt;
  return header;
}

bool DecodeIndex(std::string_view bytes, uint32_t index_crc, const FrameHeader& header,
                 std::vector<IndexEntry>& index) {
  if (bytes.size() != header.events * kIndexEntryBytes || base::Crc32c(bytes) != index_crc) return false;
  index.clear();
  index.reserve(header.events);
  uint64_t body_bytes = 0;
  for (uint32_t i = 0; i < header.events; ++i) {
    IndexEntry entry;
    entry.crc = TakeNumber<uint32_t>(bytes);
    entry.size = TakeNumber<uint32_t>(bytes);
    entry.value_size = TakeNumber<uint32_t>(bytes);
    entry.key_offset = TakeNumber<uint32_t>(bytes);
    entry.key_size = TakeNumber<uint32_t>(bytes);
    entry.trace_size = TakeNumber<uint16_t>(bytes);
    entry.topic_size = TakeNumber<uint16_t>(bytes);
    entry.key_hash = TakeNumber<uint32_t>(bytes);
    entry.id_offset = TakeNumber<uint32_t>(bytes);
    entry.id_size = TakeNumber<uint32_t>(bytes);
    const bool key_fits =
        entry.key_offset == IndexEntry::kNoKey || uint64_t{entry.key_offset} + entry.key_size <= entry.size;
    const bool rest_fits = uint64_t{entry.value_size} + entry.topic_size + entry.trace_size <= entry.size;
    if (!rest_fits || !key_fits || uint64_t{entry.id_offset} + entry.id_size > entry.value_size) {
      return false;
    }
    body_bytes += entry.size;
    index.push_back(entry);
  }
  return body_bytes == header.body_bytes;
}

}  // namespace ei::wal
