#include "adapters/file_sink/segment_log.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <system_error>

#include "adapters/file_sink/segment_tail.h"

namespace ei::file_sink {

using app::LogLevel;

namespace {

constexpr std::string_view kComponent = "file_sink";

std::string Text(int error) { return std::system_category().message(error); }

}  // namespace

SegmentLog::SegmentLog(std::string_view prefix, uint64_t segment_bytes, SegmentDirectory& directory,
                       app::Log& log, const app::Clock& clock)
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
  const bool full = segment_.bytes > 0 && segment_.bytes + lines.size() > segment_bytes_;
  if (!segment_.file.IsOpen() || full) {
    if (auto begun = BeginSegment(); !begun) return std::unexpected(Describe(begun.error()));
  }
  bool sync_failed = false;
  auto stored = WriteAndSync(lines, sync_failed);
  if (!stored && sync_failed) {
    if (const auto count = failed_syncs_.Count(clock_.Now())) {
      log_.Write(LogLevel::kWarn, kComponent, "a sync failed; its lines are written again to a new segment",
                 {{"directory", directory_.Path()},
                  {"segment", segment_.name},
                  {"reason", Text(stored.error().error)},
                  {"count", *count}});
    }
    Abandon();
    stored = BeginSegment();
    if (stored) stored = WriteAndSync(lines, sync_failed = false);
    if (!stored && sync_failed) Abandon();
  }
  if (!stored) return std::unexpected(Describe(stored.error()));
  return LinePlace{segment_.name, segment_.bytes - lines.size()};
}

std::expected<void, FileFault> SegmentLog::WriteAndSync(std::string_view lines, bool& sync_failed) {
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
    sync_failed = true;
    return std::unexpected(FileFault{"sync", segment_.name, errno});
  }
  segment_.bytes += lines.size();
  return {};
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
  std::string reason = std::string(directory_.SettingName()) + ' ' + directory_.Path() + ": can't " +
                       std::string(fault.doing) + " " + fault.file + ": " + Text(fault.error) +
                       (full ? "; make room there" : "; check the disk");
  return {full ? "storage_full" : "storage_failed", std::move(reason)};
}

}  // namespace ei::file_sink
