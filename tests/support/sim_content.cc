#include "support/sim_content.h"

#include <algorithm>
#include <array>
#include <ranges>

namespace ei::support {

void SimContent::Put(std::string& content, uint64_t offset, std::span<const char> bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
  std::ranges::copy(bytes, content.begin() + static_cast<ptrdiff_t>(offset));
}

void SimContent::Write(uint64_t offset, std::span<const char> bytes, uint64_t place) {
  if (bytes.empty()) return;
  Put(seen_, offset, bytes);
  const uint64_t end = offset + bytes.size();
  for (uint64_t start = offset - offset % kSectorBytes; start < end; start += kSectorBytes) {
    const uint64_t size = std::min(kSectorBytes, seen_.size() - start);
    unsynced_.push_back({place, start, std::max(offset, start) - start, std::min(end - start, size),
                         images_.size(), size, seen_.size()});
    const auto first = seen_.begin() + static_cast<ptrdiff_t>(start);
    images_.insert(images_.end(), first, first + static_cast<ptrdiff_t>(size));
  }
}

void SimContent::Sync() {
  for (const Version& version : unsynced_) {
    Put(durable_, version.start, Image(version));
    if (durable_.size() < version.file_size) durable_.resize(version.file_size);
  }
  unsynced_.clear();
  images_.clear();
}

SimContent::Losses SimContent::LoseUnsynced(Random& random, Tearing tearing) {
  Losses losses;
  if (unsynced_.empty()) return losses;
  const uint64_t seen_size = std::max(durable_.size(), unsynced_.back().file_size);

  // The file size is written separately from the bytes: bytes after it are lost, and where it is ahead of the
  // bytes the file reads as zeros.
  uint64_t size_max = seen_size;
  const uint64_t size_rule = random.Below(4);
  if (size_rule == 0) size_max = durable_.size();
  if (size_rule == 1) size_max = random.Between(durable_.size(), seen_size);

  // The chance to survive is 0, 1/4, ..., 1: so both extremes occur, however many sectors there are.
  const uint64_t quarters = random.Below(5);
  std::vector<bool> settled(seen_size / kSectorBytes + 1);
  for (const Version& version : unsynced_ | std::views::reverse) {
    if (settled[version.start / kSectorBytes]) continue;  // a later version of the sector is on the medium
    if (version.start >= size_max || random.Below(4) >= quarters) {
      ++losses.sectors_lost;
      losses.first_lost = std::min(losses.first_lost, version.place);
      continue;
    }
    settled[version.start / kSectorBytes] = true;
    ++losses.sectors_kept;
    losses.last_kept = std::max(losses.last_kept, version.place);
    std::array<char, kSectorBytes> sector;
    const std::span<char> image = std::span(sector).first(version.bytes);
    std::ranges::copy(Image(version), image.begin());
    if (Tear(version, image, random, tearing)) ++losses.sectors_torn;
    Put(durable_, version.start, image.first(std::min(version.bytes, size_max - version.start)));
  }
  // If size_rule is 2, the file ends after its last surviving sector.
  if (size_rule != 2) durable_.resize(size_max);
  losses.size_cut = durable_.size() < seen_size;
  unsynced_.clear();
  images_.clear();
  return losses;
}

bool SimContent::Tear(const Version& version, std::span<char> image, Random& random, Tearing tearing) const {
  constexpr uint64_t kOneIn = 8;
  if (tearing == Tearing::kNone || !random.OneIn(kOneIn)) return false;
  if (tearing != Tearing::kMixed && random.OneIn(2)) {
    const bool whole = tearing == Tearing::kWholeSector;
    const uint64_t from = whole ? 0 : version.written;
    const uint64_t to = whole ? image.size() : version.end;
    for (char& byte : image.subspan(from, to - from)) byte = static_cast<char>(random.Next());
    return true;
  }
  const uint64_t cut = random.Below(image.size() + 1);
  const bool old_first = random.OneIn(2);
  for (uint64_t at = old_first ? 0 : cut; at < (old_first ? cut : image.size()); ++at) {
    image[at] = version.start + at < durable_.size() ? durable_[version.start + at] : '\0';
  }
  return true;
}

void SimContent::Reread() {
  seen_ = durable_;
  for (const Version& version : unsynced_) {
    Put(seen_, version.start, Image(version));
    if (seen_.size() < version.file_size) seen_.resize(version.file_size);
  }
}

void SimContent::Flip(uint64_t byte, int bit) {
  for (std::string* content : {&seen_, &durable_}) {
    if (byte < content->size()) (*content)[byte] = static_cast<char>((*content)[byte] ^ (1 << bit));
  }
}

void SimContent::Zero(uint64_t offset, uint64_t bytes) {
  for (std::string* content : {&seen_, &durable_}) {
    const uint64_t from = std::min<uint64_t>(offset, content->size());
    const uint64_t count = std::min<uint64_t>(bytes, content->size() - from);
    std::fill_n(content->begin() + static_cast<ptrdiff_t>(from), count, '\0');
  }
}

void SimContent::Resize(uint64_t bytes) {
  std::erase_if(unsynced_, [&](const Version& version) { return version.start >= bytes; });
  for (Version& version : unsynced_) {
    version.file_size = std::min(version.file_size, bytes);
    version.bytes = std::min(version.bytes, bytes - version.start);
    version.end = std::min(version.end, version.bytes);
    version.written = std::min(version.written, version.end);
  }
  seen_.resize(bytes);
  durable_.resize(bytes);
}

// Both the unreadable ranges and the requested range are extended to whole sectors.
bool SimContent::CanBeRead(uint64_t offset, uint64_t bytes) const {
  const uint64_t first = offset / kSectorBytes;
  const uint64_t end = (offset + bytes + kSectorBytes - 1) / kSectorBytes;
  return std::ranges::none_of(unreadable_, [&](const auto& range) {
    return first * kSectorBytes < range.second && range.first < end * kSectorBytes;
  });
}

}  // namespace ei::support
