#include "adapters/file_sink/segment_log.h"

#include <sys/stat.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <system_error>

#include "adapters/file_sink/segment_tail.h"

namespace ei::file_sink {

namespace {

constexpr std::string_view kComponent = "file_sink";

std::string Text(int error) { return std::system_category().message(error); }

}  // namespace

SegmentLog::SegmentLog(std::string_view prefix, uint64_t segment_bytes, SegmentDirectory& directory, Log& log,
                       const Clock& clock)
    : prefix_(prefix), segment_bytes_(segment_bytes), directory_(directory), log_(log), clock_(clock) {
  assert(segment_bytes > 0);
}

void SegmentLog::Resume() {
  if (!directory_.Holds(prefix_)) return;
  const auto leave = [this](const std::string& name, const std::string& why) {
    log_.Write(LogLevel::kWarn, kComponent, "the newest segment is left as it is and a new one begun",
               {{"directory", directory_.Path()}, {"segment", name}, {"reason", why}});
  };
  auto newest = directory_.OpenNewest(prefix_);
  if (!newest)
    return leave(newest.error().file, std::string(newest.error().doing) + ": " + Text(newest.error().error));

  const int fd = newest->file.Get();
  const auto sound = SoundBytes(fd, newest->bytes);
  if (!sound) return leave(newest->name, errno == 0 ? "its end is not text" : "read: " + Text(errno));
  if (*sound < newest->bytes) {
    FileCalls& calls = directory_.Calls();
    if (Uninterrupted([&] { return calls.FTruncate(fd, static_cast<off_t>(*sound)); }) != 0 ||
        Uninterrupted([&] { return calls.FDataSync(fd); }) != 0) {
      return leave(newest->name, "cut off its torn end: " + Text(errno));
    }
    log_.Write(
        LogLevel::kWarn, kComponent, "a torn end of the newest segment was cut off",
        {{"directory", directory_.Path()}, {"segment", newest->name}, {"bytes", newest->bytes - *sound}});
    newest->bytes = *sound;
  }
  segment_ = std::move(*newest);
}

std::expected<void, StorageFault> SegmentLog::EnsureSegment() {
  if (segment_.file.IsOpen()) return {};
  if (auto begun = BeginSegment(); !begun) return std::unexpected(Describe(begun.error()));
  return {};
}

uint64_t SegmentLog::BatchBytes(uint64_t first_line_bytes) const {
  const uint64_t room = segment_bytes_ - std::min(segment_bytes_, segment_.bytes);
  const bool goes_on = segment_.file.IsOpen() && first_line_bytes <= room;
  return std::min(kBatchBytesMax, goes_on ? room : segment_bytes_);
}

std::expected<LinePlace, StorageFault> SegmentLog::Append(std::string_view lines) {
  assert(lines.ends_with('\n'));
  if (auto left = LeaveIfTaken(); !left) return std::unexpected(Describe(left.error()));
  if (auto held = HoldFolder(); !held) return std::unexpected(std::move(held.error()));
  const bool full = segment_.bytes > 0 && segment_.bytes + lines.size() > segment_bytes_;
  if (!segment_.file.IsOpen() || full) {
    if (auto begun = BeginSegment(); !begun) return std::unexpected(Describe(begun.error()));
  }
  RecordStatus fate = RecordStatus::kGoesOn;
  auto stored = WriteAndSync(lines, fate);
  if (fate != RecordStatus::kGoesOn) {
    Leave(fate, stored.error());
    if (auto held = HoldFolder(); !held) return std::unexpected(std::move(held.error()));
    fate = RecordStatus::kGoesOn;
    stored = BeginSegment();
    if (stored) stored = WriteAndSync(lines, fate);
    if (fate != RecordStatus::kGoesOn) Leave(fate, stored.error());
  }
  if (!stored) return std::unexpected(Describe(stored.error()));
  return LinePlace{segment_.name, segment_.bytes - lines.size()};
}

std::expected<void, StorageFault> SegmentLog::HoldFolder() {
  const auto made_again = directory_.Hold();
  if (!made_again) return std::unexpected(StorageFault{"storage_failed", made_again.error().message});
  if (*made_again) {
    log_.Write(LogLevel::kWarn, kComponent,
               "the folder or its lock file was moved or removed; it is made and locked again",
               {{"directory", directory_.Path()}});
  }
  return {};
}

// Nothing is written to a file that somebody has moved away and may be reading.
std::expected<void, FileFault> SegmentLog::LeaveIfTaken() {
  if (!segment_.file.IsOpen()) return {};
  const auto stands = directory_.Stands(segment_, segment_.bytes);
  if (!stands) return std::unexpected(stands.error());
  if (!*stands) Leave(RecordStatus::kTaken, {});
  return {};
}

// After success the lines are on the disk, in a file that has its name.
std::expected<void, FileFault> SegmentLog::WriteAndSync(std::string_view lines, RecordStatus& fate) {
  FileCalls& calls = directory_.Calls();
  const int fd = segment_.file.Get();
  for (std::string_view rest = lines; !rest.empty();) {
    const ssize_t written = Uninterrupted([&] { return calls.Write(fd, rest.data(), rest.size()); });
    if (written <= 0) {
      FileFault fault{"write", segment_.name, written == 0 ? EIO : errno};
      CutBack();
      return std::unexpected(std::move(fault));
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
  if (Uninterrupted([&] { return calls.FDataSync(fd); }) != 0) {
    fate = RecordStatus::kSyncFailed;
    return std::unexpected(FileFault{"sync", segment_.name, errno});
  }
  const auto stands = directory_.Stands(segment_, segment_.bytes + lines.size());
  if (!stands) {
    CutBack();
    return std::unexpected(stands.error());
  }
  if (!*stands) {
    fate = RecordStatus::kTaken;
    return std::unexpected(FileFault{"keep", segment_.name, ESTALE});
  }
  segment_.bytes += lines.size();
  return {};
}

// Never writes to the segment again.
void SegmentLog::Leave(RecordStatus fate, const FileFault& fault) {
  if (fate == RecordStatus::kTaken) {
    if (const auto count = taken_.Count(clock_.Now())) {
      log_.Write(LogLevel::kWarn, kComponent,
                 "a segment was moved, removed or changed by somebody else; a new one is begun",
                 {{"directory", directory_.Path()}, {"segment", segment_.name}, {"count", *count}});
    }
    segment_ = {};
    return;
  }
  if (const auto count = failed_syncs_.Count(clock_.Now())) {
    log_.Write(LogLevel::kWarn, kComponent, "a sync failed; its lines are written again to a new segment",
               {{"directory", directory_.Path()},
                {"segment", segment_.name},
                {"reason", Text(fault.error)},
                {"count", *count}});
  }
  Abandon();
}

std::expected<void, FileFault> SegmentLog::BeginSegment() {
  auto begun = directory_.Create(prefix_);
  if (!begun) return std::unexpected(std::move(begun.error()));
  segment_ = std::move(*begun);
  return {};
}

// Takes back what was written since the last sync.
void SegmentLog::CutBack() {
  FileCalls& calls = directory_.Calls();
  const auto size = static_cast<off_t>(segment_.bytes);
  struct stat status = {};
  // Shorter than that: somebody has cut it, and cutting would lengthen it.
  if (::fstat(segment_.file.Get(), &status) == 0 && status.st_size <= size) return;
  if (Uninterrupted([&] { return calls.FTruncate(segment_.file.Get(), size); }) == 0) return;
  const int error = errno;
  if (segment_.bytes > 0) {
    if (const auto count = failed_cuts_.Count(clock_.Now())) {
      log_.Write(LogLevel::kWarn, kComponent, "a segment could not be cut back and may end with a torn line",
                 {{"directory", directory_.Path()},
                  {"segment", segment_.name},
                  {"sound_bytes", segment_.bytes},
                  {"reason", Text(error)},
                  {"count", *count}});
    }
  } else {
    directory_.Remove(segment_);
  }
  segment_ = {};
}

// Never writes to the segment again; what is not known to be on the disk goes, as far as the disk lets it.
void SegmentLog::Abandon() {
  if (segment_.bytes == 0) {
    directory_.Remove(segment_);
  } else {
    CutBack();
  }
  segment_ = {};
}

StorageFault SegmentLog::Describe(const FileFault& fault) const {
  const bool full = fault.error == ENOSPC || fault.error == EDQUOT;
  const std::string why = fault.error == ESTALE
                              ? "somebody else moved, removed or changed it, again and again"
                              : Text(fault.error);
  std::string reason = std::string(directory_.SettingName()) + ' ' + directory_.Path() + ": can't " +
                       std::string(fault.doing) + " " + fault.file + ": " + why +
                       (full ? "; make room there" : "; check the disk");
  return {full ? "storage_full" : "storage_failed", std::move(reason)};
}

}  // namespace ei::file_sink
