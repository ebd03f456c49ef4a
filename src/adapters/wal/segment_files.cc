#include "adapters/wal/segment_files.h"

#include <algorithm>
#include <cerrno>

#include "adapters/wal/read_write.h"

namespace ei::wal {

namespace {

constexpr size_t kDigits = 20;
constexpr uint64_t kZerosStepBytes = 1 << 20;
constexpr std::string_view kSegmentSuffix = ".wal";
constexpr std::string_view kDamagedSuffix = ".damaged";
constexpr std::string_view kMarkSuffix = ".marked";
constexpr std::string_view kSentSuffix = ".sent";

std::string NameOf(uint64_t number, std::string_view suffix) {
  const std::string digits = std::to_string(number);
  return std::string(kDigits - digits.size(), '0').append(digits).append(suffix);
}

std::optional<uint64_t> NumberIn(std::string_view name, std::string_view suffix) {
  if (name.size() != kDigits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  uint64_t number = 0;
  for (const char digit : name.substr(0, kDigits)) {
    if (digit < '0' || digit > '9' || __builtin_mul_overflow(number, 10, &number) ||
        __builtin_add_overflow(number, digit - '0', &number)) {
      return std::nullopt;
    }
  }
  return number;
}

}  // namespace

std::string SegmentName(uint64_t number) { return NameOf(number, kSegmentSuffix); }
std::optional<uint64_t> SegmentNumber(std::string_view name) { return NumberIn(name, kSegmentSuffix); }
std::string DamagedName(uint64_t number) { return NameOf(number, kDamagedSuffix); }
std::optional<uint64_t> DamagedNumber(std::string_view name) { return NumberIn(name, kDamagedSuffix); }
std::string MarkName(uint64_t number) { return NameOf(number, kMarkSuffix); }
std::optional<uint64_t> MarkNumber(std::string_view name) { return NumberIn(name, kMarkSuffix); }
std::string SentName(uint64_t number) { return NameOf(number, kSentSuffix); }
std::optional<uint64_t> SentNumber(std::string_view name) { return NumberIn(name, kSentSuffix); }

DiskResult<std::shared_ptr<File>> MakeSegment(Directory& directory, uint64_t number, uint64_t bytes) {
  if (auto removed = directory.Remove(kUnfinishedSegmentName); !removed && removed.error() != ENOENT) {
    return std::unexpected(removed.error());
  }
  auto file = directory.Create(kUnfinishedSegmentName);
  if (!file) return std::unexpected(file.error());
  // Written in steps, so that a commit that is synced at the same time never waits for all of these zeros.
  DiskResult<void> done;
  for (uint64_t at = 0; done && at < bytes; at += kZerosStepBytes) {
    done = FillWithZeros(**file, at, std::min(kZerosStepBytes, bytes - at));
    if (done) done = (*file)->Sync();
  }
  if (done) done = directory.Rename(kUnfinishedSegmentName, SegmentName(number));
  if (done) done = directory.Sync();
  if (!done) {
    // Frees the space on a full disk.
    static_cast<void>(directory.Remove(kUnfinishedSegmentName));
    static_cast<void>(directory.Remove(SegmentName(number)));
    return std::unexpected(done.error());
  }
  return std::shared_ptr<File>(std::move(*file));
}

}  // namespace ei::wal
