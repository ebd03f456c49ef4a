#include "adapters/file_sink/segment_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>

namespace ei::file_sink {

using base::ErrorKind;

namespace {

constexpr std::string_view kSuffix = ".ndjson";
constexpr size_t kDigits = 20;
// No counter gets near this number; a file with a higher number in its name is not a segment and is ignored.
constexpr uint64_t kNumberMax = 1'000'000'000'000'000'000;

std::string TwentyDigits(uint64_t number) {
  const std::string digits = std::to_string(number);
  return std::string(kDigits - digits.size(), '0') + digits;
}

std::optional<uint64_t> ReadTwentyDigits(std::string_view text) {
  uint64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.size() != kDigits || fault != std::errc() || end != text.data() + kDigits || number > kNumberMax) {
    return std::nullopt;
  }
  return number;
}

std::string NameOf(std::string_view prefix, uint64_t number) {
  return std::string(prefix) + '-' + TwentyDigits(number) + std::string(kSuffix);
}

// Returns the number in the name of a segment with this prefix; with an empty prefix, of any segment.
std::optional<uint64_t> NumberIn(std::string_view name, std::string_view prefix = {}) {
  if (name.size() < kDigits + kSuffix.size() + 1 || !name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  const std::string_view digits = name.substr(name.size() - kDigits);
  name.remove_suffix(kDigits);
  if (!name.ends_with('-') || (!prefix.empty() && name.substr(0, name.size() - 1) != prefix))
    return std::nullopt;
  return ReadTwentyDigits(digits);
}

}  // namespace

base::Result<std::vector<ListedSegment>> ListSegments(const std::string& path, std::string_view prefix) {
  std::vector<ListedSegment> segments;
  std::error_code fault;
  std::filesystem::directory_iterator entry(path, fault);
  for (; !fault && entry != std::filesystem::directory_iterator(); entry.increment(fault)) {
    std::string name = entry->path().filename();
    if (const auto number = NumberIn(name, prefix)) segments.push_back({std::move(name), *number});
  }
  if (fault) return base::Fail(ErrorKind::kStorage, path + ": can't list the folder: " + fault.message());
  std::ranges::sort(segments, {}, &ListedSegment::number);
  return segments;
}

base::Result<std::unique_ptr<SegmentDirectory>> SegmentDirectory::Open(const std::string& path,
                                                                       std::string_view setting,
                                                                       system::FileCalls& calls) {
  auto folder = system::LockedFolder::Open(path, kLockFile, setting, calls);
  if (!folder) return std::unexpected(std::move(folder.error()));
  std::unique_ptr<SegmentDirectory> directory(new SegmentDirectory(path, setting, calls, std::move(*folder)));
  if (auto found = directory->FindLastNumber(); !found) return std::unexpected(std::move(found.error()));
  return directory;
}

std::unexpected<base::Error> SegmentDirectory::Fault(ErrorKind kind, std::string_view why) const {
  return base::Fail(kind, std::string(setting_) + ' ' + path_ + ": " + std::string(why));
}

base::Result<void> SegmentDirectory::FindLastNumber() {
  std::array<char, kDigits> digits = {};
  const ssize_t got = ::pread(folder_.lock.Get(), digits.data(), digits.size(), 0);
  if (got == static_cast<ssize_t>(kDigits)) {
    last_number_ = ReadTwentyDigits({digits.data(), digits.size()}).value_or(0);
  }
  std::error_code fault;
  std::filesystem::directory_iterator entry(path_, fault);
  for (; !fault && entry != std::filesystem::directory_iterator(); entry.increment(fault)) {
    last_number_ = std::max(last_number_, NumberIn(entry->path().filename().native()).value_or(0));
  }
  if (fault) return Fault(ErrorKind::kStorage, "can't list the folder: " + fault.message());
  return {};
}

base::Result<bool> SegmentDirectory::Hold() {
  struct stat status = {};
  const std::string lock = path_ + '/' + kLockFile;
  const int there = system::Uninterrupted([&] { return calls_.LStat(lock.c_str(), &status); });
  if (there == 0 && system::IdentityOf(status) == folder_.lock_identity) return false;
  if (there != 0 && errno != ENOENT && errno != ENOTDIR) {
    const int error = errno;
    return Fault(ErrorKind::kStorage,
                 std::string("can't get the status of ") + kLockFile + ": " + system::ErrorText(error));
  }
  auto again = Open(path_, setting_, calls_);
  if (!again) return std::unexpected(std::move(again.error()));
  const uint64_t last_number = std::max(last_number_, (*again)->last_number_);
  if (const auto saved = (*again)->SaveNumber(last_number); !saved) {
    return Fault(ErrorKind::kStorage, "can't " + std::string(saved.error().doing) + ' ' + saved.error().file +
                                          ": " + system::ErrorText(saved.error().error));
  }
  folder_ = std::move((*again)->folder_);
  last_number_ = last_number;
  return true;
}

std::expected<bool, FileFault> SegmentDirectory::IsInPlace(const Segment& segment, uint64_t bytes) const {
  struct stat status = {};
  const std::string path = path_ + '/' + segment.name;
  if (system::Uninterrupted([&] { return calls_.LStat(path.c_str(), &status); }) == 0) {
    return system::IdentityOf(status) == segment.identity && static_cast<uint64_t>(status.st_size) == bytes;
  }
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return std::unexpected(FileFault{"get the status of", segment.name, errno});
}

std::optional<uint64_t> SegmentDirectory::Newest(std::string_view prefix) const {
  const auto segments = ListSegments(path_, prefix);
  if (!segments || segments->empty()) return std::nullopt;
  return segments->back().number;
}

uint64_t SegmentDirectory::Bytes(std::string_view prefix) const {
  uint64_t bytes = 0;
  for (const ListedSegment& segment : ListSegments(path_, prefix).value_or(std::vector<ListedSegment>())) {
    struct stat status = {};
    if (::lstat((path_ + '/' + segment.name).c_str(), &status) == 0) {
      bytes += static_cast<uint64_t>(status.st_size);
    }
  }
  return bytes;
}

bool SegmentDirectory::HasSegments(std::string_view prefix) const { return Newest(prefix).has_value(); }

std::expected<Segment, FileFault> SegmentDirectory::OpenNewest(std::string_view prefix) {
  const std::optional<uint64_t> number = Newest(prefix);
  if (!number) return std::unexpected(FileFault{"find a segment", std::string(prefix), ENOENT});
  Segment segment;
  segment.name = NameOf(prefix, *number);
  constexpr int kFlags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK;
  segment.file =
      system::Descriptor(calls_, calls_.OpenAt(folder_.folder.Get(), segment.name.c_str(), kFlags, 0));
  struct stat status = {};
  if (!segment.file.IsOpen() || ::fstat(segment.file.Get(), &status) != 0) {
    return std::unexpected(FileFault{"open", segment.name, errno});
  }
  if (!S_ISREG(status.st_mode)) return std::unexpected(FileFault{"append to", segment.name, EINVAL});
  segment.identity = system::IdentityOf(status);
  segment.bytes = static_cast<uint64_t>(status.st_size);
  return segment;
}

std::expected<Segment, FileFault> SegmentDirectory::Create(std::string_view prefix) {
  const auto number = NextNumber();
  if (!number) return std::unexpected(number.error());
  Segment segment;
  segment.name = NameOf(prefix, *number);
  constexpr int kFlags = O_RDWR | O_APPEND | O_CREAT | O_EXCL;
  segment.file = system::Descriptor(
      calls_, calls_.OpenAt(folder_.folder.Get(), segment.name.c_str(), kFlags, system::kFileMode));
  struct stat status = {};
  if (!segment.file.IsOpen() || ::fstat(segment.file.Get(), &status) != 0) {
    return std::unexpected(FileFault{"make", segment.name, errno});
  }
  segment.identity = system::IdentityOf(status);
  // fsync, because fdatasync of a folder doesn't have to write a new entry.
  if (system::Uninterrupted([&] { return calls_.FSync(folder_.folder.Get()); }) != 0) {
    FileFault fault{"sync the folder for", segment.name, errno};
    Remove(segment);
    return std::unexpected(std::move(fault));
  }
  return segment;
}

// Saves the number before any file has it. The write is in place and within one sector, so it is never torn.
std::expected<uint64_t, FileFault> SegmentDirectory::NextNumber() {
  const uint64_t number = last_number_ + 1;
  if (auto saved = SaveNumber(number); !saved) return std::unexpected(std::move(saved.error()));
  return number;
}

std::expected<void, FileFault> SegmentDirectory::SaveNumber(uint64_t number) {
  const std::string line = TwentyDigits(number) + '\n';
  const ssize_t written =
      system::Uninterrupted([&] { return calls_.PWrite(folder_.lock.Get(), line.data(), line.size(), 0); });
  if (written < 0) return std::unexpected(FileFault{"write", kLockFile, errno});
  if (static_cast<size_t>(written) < line.size())
    return std::unexpected(FileFault{"write", kLockFile, ENOSPC});
  if (system::Uninterrupted([&] { return calls_.FDataSync(folder_.lock.Get()); }) != 0) {
    return std::unexpected(FileFault{"sync", kLockFile, errno});
  }
  last_number_ = number;
  return {};
}

void SegmentDirectory::Remove(const Segment& segment) {
  struct stat status = {};
  if (::fstatat(folder_.folder.Get(), segment.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (system::IdentityOf(status) == segment.identity)
    ::unlinkat(folder_.folder.Get(), segment.name.c_str(), 0);
}

}  // namespace ei::file_sink
