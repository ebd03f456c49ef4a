#include "adapters/wal/wal_format.h"

#include "adapters/wal/little_endian.h"
#include "adapters/wal/log_limits.h"
#include "base/crc32c.h"
#include "event/topic_name.h"

namespace ei::wal {

namespace {

constexpr std::string_view kSegmentMagic = "EI-WAL\r\n";  // transfers in text mode damage it visibly
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

uint64_t FrameBytes(uint64_t body_bytes, uint64_t events, uint64_t end_bytes) {
  const uint64_t bytes = kFrameHeaderBytes + body_bytes + events * kIndexEntryBytes + end_bytes;
  return (bytes + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
}

uint64_t FrameBytes(const FrameHeader& header) {
  return FrameBytes(header.body_bytes, header.events, header.origins * kOriginBytes + header.topic_size);
}

uint64_t FrameEndBytes(const FrameHeader& header) {
  return header.events * kIndexEntryBytes + header.origins * kOriginBytes + header.topic_size;
}

void AppendFrameHeader(std::string& out, const FrameHeader& header, std::string_view encoded_end) {
  std::string fields;
  AppendNumber(fields, header.segment);
  AppendNumber(fields, header.salt);
  AppendNumber(fields, header.first_position);
  AppendNumber(fields, header.accepted_at);
  AppendNumber(fields, header.body_bytes);
  AppendNumber(fields, header.events);
  AppendNumber(fields, base::Crc32c(encoded_end));
  AppendNumber(fields, header.origins);
  AppendNumber(fields, header.topic_size);
  fields.resize(kFrameHeaderBytes - 8);
  AppendNumber(out, kFrameMagic);
  AppendNumber(out, base::Crc32c(fields));
  out.append(fields);
}

void AppendFrameEnd(std::string& out, std::string_view encoded_end) {
  out.append(encoded_end);
  const size_t beyond = out.size() % kSectorBytes;
  if (beyond > 0) out.append(kSectorBytes - beyond, '\0');
}

void AppendIndexEntry(std::string& out, const IndexEntry& entry) {
  for (const uint32_t number : {entry.crc, entry.size, entry.value_size, entry.key_offset, entry.key_size}) {
    AppendNumber(out, number);
  }
  AppendNumber(out, entry.context_size);
  AppendNumber(out, entry.added_size);
  AppendNumber(out, entry.topic_size);
  for (const uint32_t number : {entry.key_hash, entry.id_offset, entry.id_size}) AppendNumber(out, number);
}

void AppendOrigin(std::string& out, const Origin& origin) {
  AppendNumber(out, origin.events);
  AppendNumber(out, origin.client);
}

void AddOrigin(std::vector<Origin>& origins, const Origin& origin) {
  if (!origins.empty() && origins.back().client == origin.client) {
    origins.back().events += origin.events;
  } else {
    origins.push_back(origin);
  }
}

std::optional<FrameHeader> DecodeFrameHeader(std::string_view bytes, uint32_t* end_crc) {
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
  *end_crc = TakeNumber<uint32_t>(fields);
  header.origins = TakeNumber<uint32_t>(fields);
  header.topic_size = TakeNumber<uint16_t>(fields);
  if (header.origins > header.events || header.topic_size > kTopicNameBytesMax) return std::nullopt;
  if (header.events == 0 || header.events > kFrameEventsMax) return std::nullopt;
  if (header.first_position > kPositionsMax) return std::nullopt;
  return header;
}

namespace {

IndexEntry TakeIndexEntry(std::string_view& bytes) {
  IndexEntry entry;
  entry.crc = TakeNumber<uint32_t>(bytes);
  entry.size = TakeNumber<uint32_t>(bytes);
  entry.value_size = TakeNumber<uint32_t>(bytes);
  entry.key_offset = TakeNumber<uint32_t>(bytes);
  entry.key_size = TakeNumber<uint32_t>(bytes);
  entry.context_size = TakeNumber<uint8_t>(bytes);
  entry.added_size = TakeNumber<uint8_t>(bytes);
  entry.topic_size = TakeNumber<uint16_t>(bytes);
  entry.key_hash = TakeNumber<uint32_t>(bytes);
  entry.id_offset = TakeNumber<uint32_t>(bytes);
  entry.id_size = TakeNumber<uint32_t>(bytes);
  return entry;
}

bool LiesWithinItself(const IndexEntry& entry) {
  if (entry.key_offset != IndexEntry::kNoKey && uint64_t{entry.key_offset} + entry.key_size > entry.size) {
    return false;
  }
  const bool added_fits = entry.added_size == 0 || entry.added_size < entry.value_size;
  return added_fits && uint64_t{entry.value_size} + entry.topic_size + entry.context_size <= entry.size &&
         uint64_t{entry.id_offset} + entry.id_size <= entry.value_size;
}

}  // namespace

bool DecodeFrameEnd(std::string_view bytes, uint32_t end_crc, const FrameHeader& header, FrameEnd& end) {
  if (bytes.size() != FrameEndBytes(header) || base::Crc32c(bytes) != end_crc) return false;
  end.index.clear();
  end.index.reserve(header.events);
  uint64_t body_bytes = 0;
  for (uint32_t i = 0; i < header.events; ++i) {
    const IndexEntry entry = TakeIndexEntry(bytes);
    if (!LiesWithinItself(entry)) return false;
    body_bytes += entry.size;
    end.index.push_back(entry);
  }
  end.origins.clear();
  uint64_t events = 0;
  for (uint32_t i = 0; i < header.origins; ++i) {
    Origin origin;
    origin.events = TakeNumber<uint32_t>(bytes);
    origin.client = TakeNumber<uint64_t>(bytes);
    events += origin.events;
    end.origins.push_back(origin);
  }
  end.topic = bytes;
  return body_bytes == header.body_bytes && (end.origins.empty() || events == header.events) &&
         (end.topic.empty() || IsTopicName(end.topic));
}

std::optional<uint64_t> OriginCursor::Next() {
  while (!origins_.empty() && returned_ == origins_.front().events) {
    origins_ = origins_.subspan(1);
    returned_ = 0;
  }
  if (origins_.empty()) return std::nullopt;
  ++returned_;
  return origins_.front().client;
}

bool IsSoundEvent(std::string_view bytes, const IndexEntry& entry) {
  if (base::Crc32c(bytes) != entry.crc) return false;
  const std::string_view topic =
      bytes.substr(bytes.size() - entry.context_size - entry.topic_size, entry.topic_size);
  return topic.empty() || IsTopicName(topic);
}

}  // namespace ei::wal
