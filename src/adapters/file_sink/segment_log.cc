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
  if (!directory_.HasSegments(prefix_)) return;
  const auto leave = [this](const std::string& name, const std::string& why) {
    log_.Write(LogLevel::kWarn, kComponent, "the newest segment is left unchanged and a new one is started",
               {{"directory", directory_.Path()}, {"segment", name}, {"reason", why}});
  };
  auto newest = directory_.OpenNewest(prefix_);
  if (!newest)
    return leave(newest.error().file, std::string(newest.error().doing) + ": " + Text(newest.error().error));

  const int fd = newest->file.Get();
  const auto sound = SoundBytes(fd, newest->bytes);
  if (!sound)
    return leave(newest->name,
                 errno == 0 ? "no complete line was found near its end" : "read: " + Text(errno));
  if (*sound < newest->bytes) {
    system::FileCalls& calls = directory_.Calls();
    if (system::Uninterrupted([&] { return calls.FTruncate(fd, static_cast<off_t>(*sound)); }) != 0 ||
        system::Uninterrupted([&] { return calls.FDataSync(fd); }) != 0) {
      return leave(newest->name, "truncate its torn end: " + Text(errno));
    }
    log_.Write(
        LogLevel::kWarn, kComponent, "the torn end of the newest segment was truncated",
        {{"directory", directory_.Path()}, {"segment", newest->name}, {"bytes", newest->bytes - *sound}});
    newest->bytes = *sound;
  }
  segment_ = std::move(*newest);
}

std::expected<void, StorageFault> SegmentLog::EnsureSegment() {
  if (segment_.file.IsOpen()) return {};
  if (auto started = StartSegment(); !started) return std::unexpected(Describe(started.error()));
  return {};
}

uint64_t SegmentLog::BatchBytes(uint64_t first_line_bytes) const {
  const uint64_t room = segment_bytes_ - std::min(segment_bytes_, segment_.bytes);
  const bool goes_on = segment_.file.IsOpen() && first_line_bytes <= room;
  return std::min(kBatchBytesMax, goes_on ? room : segment_bytes_);
}

std::expected<LinePlace, StorageFault> SegmentLog::Append(std::string_view lines) {
  assert(lines.ends_with('\n'));
  if (auto checked = LeaveIfMoved(); !checked) return std::unexpected(Describe(checked.error()));
  if (auto held = HoldFolder(); !held) return std::unexpected(std::move(held.error()));
  const bool full = segment_.bytes > 0 && segment_.bytes + lines.size() > segment_bytes_;
  if (!segment_.file.IsOpen() || full) {
    if (auto started = StartSegment(); !started) return std::unexpected(Describe(started.error()));
  }
  SegmentState state = SegmentState::kUsable;
  auto stored = WriteAndSync(lines, state);
  if (state != SegmentState::kUsable) {
    Leave(state, stored.error());
    if (auto held = HoldFolder(); !held) return std::unexpected(std::move(held.error()));
    state = SegmentState::kUsable;
    stored = StartSegment();
    if (stored) stored = WriteAndSync(lines, state);
    if (state != SegmentState::kUsable) Leave(state, stored.error());
  }
  if (!stored) return std::unexpected(Describe(stored.error()));
  return LinePlace{segment_.name, segment_.bytes - lines.size()};
}

std::expected<void, StorageFault> SegmentLog::HoldFolder() {
  const auto created_again = directory_.Hold();
  if (!created_again) return std::unexpected(StorageFault{"storage_failed", created_again.error().message});
  if (*created_again) {
    log_.Write(LogLevel::kWarn, kComponent,
               "the folder or its lock file was moved or removed; it was created and locked again",
               {{"directory", directory_.Path()}});
  }
  return {};
}

// Leaves a segment that was moved away: its new owner may be reading it, so nothing may be written to it.
std::expected<void, FileFault> SegmentLog::LeaveIfMoved() {
  if (!segment_.file.IsOpen()) return {};
  const auto in_place = directory_.IsInPlace(segment_, segment_.bytes);
  if (!in_place) return std::unexpected(in_place.error());
  if (!*in_place) Leave(SegmentState::kMoved, {});
  return {};
}

// After success the lines are synced to the disk, and the file still has its name.
std::expected<void, FileFault> SegmentLog::WriteAndSync(std::string_view lines, SegmentState& state) {
  system::FileCalls& calls = directory_.Calls();
  const int fd = segment_.file.Get();
  for (std::string_view rest = lines; !rest.empty();) {
    const ssize_t written = system::Uninterrupted([&] { return calls.Write(fd, rest.data(), rest.size()); });
    if (written <= 0) {
      FileFault fault{"write", segment_.name, written == 0 ? EIO : errno};
      TruncateToSynced();
      return std::unexpected(std::move(fault));
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
  if (system::Uninterrupted([&] { return calls.FDataSync(fd); }) != 0) {
    state = SegmentState::kSyncFailed;
    return std::unexpected(FileFault{"sync", segment_.name, errno});
  }
  const auto in_place = directory_.IsInPlace(segment_, segment_.bytes + lines.size());
  if (!in_place) {
    TruncateToSynced();
    return std::unexpected(in_place.error());
  }
  if (!*in_place) {
    state = SegmentState::kMoved;
    return std::unexpected(FileFault{"keep", segment_.name, ESTALE});
  }
  segment_.bytes += lines.size();
  return {};
}

// Never writes to the segment again.
void SegmentLog::Leave(SegmentState state, const FileFault& fault) {
  if (state == SegmentState::kMoved) {
    if (const auto count = moved_.Count(clock_.Now())) {
      log_.Write(LogLevel::kWarn, kComponent,
                 "a segment was moved, removed or changed by another process; a new one is started",
                 {{"directory", directory_.Path()}, {"segment", segment_.name}, {"count", *count}});
    }
    segment_ = {};
    return;
  }
  if (const auto count = failed_syncs_.Count(clock_.Now())) {
    log_.Write(LogLevel::kWarn, kComponent, "a sync failed; the lines are written again to a new segment",
               {{"directory", directory_.Path()},
                {"segment", segment_.name},
                {"reason", Text(fault.error)},
                {"count", *count}});
  }
  Abandon();
}

std::expected<void, FileFault> SegmentLog::StartSegment() {
  auto created = directory_.Create(prefix_);
  if (!created) return std::unexpected(std::move(created.error()));
  segment_ = std::move(*created);
  return {};
}

// Truncates the segment to its size at the last sync.
void SegmentLog::TruncateToSynced() {
  system::FileCalls& calls = directory_.Calls();
  const auto size = static_cast<off_t>(segment_.bytes);
  struct stat status = {};
  // If another program has made it shorter, ftruncate would make it longer again.
  if (::fstat(segment_.file.Get(), &status) == 0 && status.st_size <= size) return;
  if (system::Uninterrupted([&] { return calls.FTruncate(segment_.file.Get(), size); }) == 0) return;
  const int error = errno;
  if (segment_.bytes > 0) {
    if (const auto count = failed_truncates_.Count(clock_.Now())) {
      log_.Write(LogLevel::kWarn, kComponent, "a segment could not be truncated and may end with a torn line",
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

// Never writes to the segment again. Removes the bytes that are not known to be on the disk, if that is
// possible.
void SegmentLog::Abandon() {
  if (segment_.bytes == 0) {
    directory_.Remove(segment_);
  } else {
    TruncateToSynced();
  }
  segment_ = {};
}

StorageFault SegmentLog::Describe(const FileFault& fault) const {
  const bool full = fault.error == ENOSPC || fault.error == EDQUOT;
  const std::string why =
      fault.error == ESTALE ? "another process repeatedly moved, removed or changed it" : Text(fault.error);
  std::string reason = std::string(directory_.SettingName()) + ' ' + directory_.Path() + ": can't " +
                       std::string(fault.doing) + " " + fault.file + ": " + why +
                       (full ? "; free space there" : "; check the disk");
  return {full ? "storage_full" : "storage_failed", std::move(reason)};
}

}  // namespace ei::file_sink
