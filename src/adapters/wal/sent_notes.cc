#include "adapters/wal/sent_notes.h"

#include <algorithm>

#include "adapters/wal/little_endian.h"
#include "adapters/wal/log_limits.h"
#include "base/crc32c.h"

namespace ei::wal {

namespace {

constexpr std::string_view kMagic = "EI-SENT1";

enum class Note : uint8_t { kSent = 1, kSettledBatch = 2, kSettled = 3 };

// Seven bits in each byte, the lowest first; the highest bit says that another byte follows.
void AppendVarint(std::string& out, uint64_t number) {
  for (; number >= 0x80; number >>= 7) out.push_back(static_cast<char>(number | 0x80));
  out.push_back(static_cast<char>(number));
}

// Decodes a number at the front of `bytes` and removes it there; nullopt: there is no valid number.
std::optional<uint64_t> TakeVarint(std::string_view& bytes) {
  constexpr int kBits = 63;
  uint64_t number = 0;
  for (int shift = 0; shift < kBits && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    number |= uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return number;
  }
  return std::nullopt;
}

// Decodes a distance and adds it to `from`; nullopt: there is none, or the sum is above kPositionsMax.
std::optional<uint64_t> TakeDistance(std::string_view& bytes, uint64_t from) {
  const auto distance = TakeVarint(bytes);
  if (!distance || *distance > kPositionsMax - from) return std::nullopt;
  return from + *distance;
}

class NotesReader {
 public:
  NotesReader(std::string_view notes, SentNotesVisitor& visitor) : notes_(notes), visitor_(visitor) {}

  // Decodes one note. False: there is none, or it is malformed.
  bool Next() {
    if (notes_.empty()) return false;
    const auto kind = static_cast<Note>(notes_.front());
    notes_.remove_prefix(1);
    switch (kind) {
      case Note::kSent: return Sent();
      case Note::kSettledBatch: return SettledBatch();
      case Note::kSettled: return Settled();
    }
    return false;
  }

 private:
  bool Sent() {
    const auto stamp_size = TakeVarint(notes_);
    if (!stamp_size || *stamp_size > std::min<uint64_t>(kSentStampBytesMax, notes_.size())) return false;
    const std::string_view stamp = notes_.substr(0, *stamp_size);
    notes_.remove_prefix(*stamp_size);
    const auto count = TakeVarint(notes_);
    if (!count || *count == 0 || *count > kSentEventsMax) return false;
    positions_.clear();
    uint64_t least = 0;
    for (uint64_t i = 0; i < *count; ++i) {
      const auto position = TakeDistance(notes_, least);
      if (!position || *position >= kPositionsMax) return false;
      positions_.push_back(*position);
      least = *position + 1;
    }
    visitor_.OnSent(positions_, stamp);
    return true;
  }

  bool SettledBatch() {
    const auto first = TakeDistance(notes_, 0);
    if (first) visitor_.OnSettledBatch(*first);
    return first.has_value();
  }

  bool Settled() {
    const auto runs = TakeVarint(notes_);
    if (!runs) return false;
    uint64_t least = 0;
    for (uint64_t i = 0; i < *runs; ++i) {
      const auto begin = TakeDistance(notes_, least);
      if (!begin || *begin >= kPositionsMax) return false;
      const auto end = TakeDistance(notes_, *begin + 1);
      if (!end) return false;
      visitor_.OnSettled(*begin, *end);
      least = *end;
    }
    return true;
  }

  std::string_view notes_;
  SentNotesVisitor& visitor_;
  std::vector<uint64_t> positions_;
};

}  // namespace

std::string EncodeSentHeader(const SentHeader& header) {
  std::string fields;
  AppendNumber(fields, header.lane);
  AppendNumber(fields, header.lanes);
  std::string bytes(kMagic);
  AppendNumber(bytes, base::Crc32c(fields));
  return bytes.append(fields);
}

std::optional<SentHeader> DecodeSentHeader(std::string_view bytes) {
  if (bytes.size() < kSentHeaderBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  bytes.remove_prefix(kMagic.size());
  const auto crc = TakeNumber<uint32_t>(bytes);
  if (base::Crc32c(bytes.substr(0, 8)) != crc) return std::nullopt;
  SentHeader header;
  header.lane = TakeNumber<uint32_t>(bytes);
  header.lanes = TakeNumber<uint32_t>(bytes);
  return header;
}

void AppendSent(std::string& notes, std::span<const uint64_t> positions, std::string_view stamp) {
  notes.push_back(static_cast<char>(Note::kSent));
  AppendVarint(notes, stamp.size());
  notes.append(stamp);
  AppendVarint(notes, positions.size());
  uint64_t least = 0;
  for (const uint64_t position : positions) {
    AppendVarint(notes, position - least);
    least = position + 1;
  }
}

void AppendSettledBatch(std::string& notes, uint64_t first) {
  notes.push_back(static_cast<char>(Note::kSettledBatch));
  AppendVarint(notes, first);
}

void AppendSettled(std::string& notes, std::span<const PositionRun> runs) {
  notes.push_back(static_cast<char>(Note::kSettled));
  AppendVarint(notes, runs.size());
  uint64_t least = 0;
  for (const auto& [begin, end] : runs) {
    AppendVarint(notes, begin - least);
    AppendVarint(notes, end - begin - 1);
    least = end;
  }
}

void AppendSentFrame(std::string& out, std::string_view notes) {
  AppendNumber(out, base::Crc32c(notes));
  AppendNumber(out, static_cast<uint32_t>(notes.size()));
  out.append(notes);
}

void ReadSentNotes(std::string_view notes, SentNotesVisitor& visitor) {
  NotesReader reader(notes, visitor);
  while (reader.Next()) {
  }
}

DiskResult<void> ReadSentFrames(File& file, SentNotesVisitor& visitor) {
  std::vector<char> notes;
  char front[kSentFrameHeaderBytes];
  for (uint64_t offset = kSentHeaderBytes;;) {
    const auto got = file.Read(offset, front);
    if (!got) return std::unexpected(got.error());
    if (*got < sizeof front) return {};
    std::string_view fields(front, sizeof front);
    const auto crc = TakeNumber<uint32_t>(fields);
    const auto size = TakeNumber<uint32_t>(fields);
    if (size == 0 || size > kSentFrameBytesMax) return {};
    notes.resize(size);
    const auto rest = file.Read(offset + sizeof front, notes);
    if (!rest) return std::unexpected(rest.error());
    const std::string_view all(notes.data(), *rest);
    if (*rest < size || base::Crc32c(all) != crc) return {};
    ReadSentNotes(all, visitor);
    offset += sizeof front + size;
  }
}

}  // namespace ei::wal
