// Load: how events that had no room in memory come back from the disk.

#include <algorithm>
#include <iterator>
#include <system_error>

#include "adapters/wal/segment_files.h"
#include "adapters/wal/wal_journal.h"
#include "base/crc32c.h"

namespace ei::wal {

namespace {

// Between two tries of what the disk could not read.
constexpr base::Duration kRetryPauseMin = std::chrono::milliseconds(20);
constexpr base::Duration kRetryPauseMax = std::chrono::seconds(1);
// Between two lines of the log that say so.
constexpr base::Duration kTellInterval = std::chrono::minutes(1);

double Seconds(base::Duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

Work WalJournal::Load() {
  if (read_fault_ && clock_.Now() < read_fault_->again_at) return Work::kLater;
  uint64_t limit = 0;
  {
    base::MutexLock lock(mutex_);
    if (!backlog_ || !MayLoad()) {
      load_idle_ = true;
      return Work::kIdle;
    }
    limit = PointCursor();
  }
  const auto loaded = ReadFrame(limit);
  if (!loaded) {
    NoteReadFault(loaded.error());
    return Work::kLater;
  }
  if (read_fault_) NoteReadable();
  uint64_t filled_lanes = 0;
  uint64_t lost = 0;
  bool wake_keep = false;
  {
    base::MutexLock lock(mutex_);
    lost = Admit(*loaded, filled_lanes);
    wake_keep = lost > 0 && Rouse(keep_idle_);  // a segment may need to stay no longer
  }
  if (lost > 0) {
    log_.Write(app::LogLevel::kError, "wal",
               "the log is damaged: events are lost; the segment will be set aside",
               {{"events", lost}, {"segment", cursor_.number}, {"before_position", loaded->end}});
  }
  WakeLanes(filled_lanes);
  if (wake_keep) wake_(Role::kKeep);
  return Work::kDone;
}

// An error says nothing about what stands on the medium, so it never costs an event, however long it lasts: a
// path to a disk may be back in an hour. All that was accepted later waits too, as keys stay in order and
// nobody can know the keys of what can't be read.
void WalJournal::NoteReadFault(int error) {
  const base::SteadyTime now = clock_.Now();
  if (!read_fault_) {
    read_fault_ = ReadFault{.since = now, .tell_at = now, .again_at = now, .pause = kRetryPauseMin};
    base::MutexLock lock(mutex_);
    counts_.unreadable = 1;
  }
  if (now >= read_fault_->tell_at) {
    log_.Write(
        app::LogLevel::kError, "wal",
        "wal.dir (WAL_DIR): the log can't be read; trying again. Its events wait, and so do all that "
        "came later; when the disk doesn't recover, stop the service and run: event-ingestor wal repair",
        {{"file", SegmentName(cursor_.number)},
         {"error", std::system_category().message(error)},
         {"from_position", cursor_.position},
         {"seconds", Seconds(now - read_fault_->since)}});
    read_fault_->tell_at = now + kTellInterval;
  }
  read_fault_->again_at = now + read_fault_->pause;
  read_fault_->pause = std::min(2 * read_fault_->pause, kRetryPauseMax);
}

void WalJournal::NoteReadable() {
  log_.Write(
      app::LogLevel::kInfo, "wal", "the log can be read again",
      {{"file", SegmentName(cursor_.number)}, {"seconds", Seconds(clock_.Now() - read_fault_->since)}});
  read_fault_.reset();
  base::MutexLock lock(mutex_);
  counts_.unreadable = 0;
}

// By half, so that reading goes in strides.
bool WalJournal::MayLoad() const {
  return window_.Events() == 0 || (window_.Events() <= options_.window_events_max / 2 &&
                                   MemoryBytes() <= options_.window_bytes_max / 2);
}

// Aims at the segment in which the next position should stand; returns where that segment's positions end.
uint64_t WalJournal::PointCursor() {
  cursor_.position = backlog_from_;
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), cursor_.position,
      [](uint64_t position, const Segment& segment) { return position < segment.header.first_position; });
  const uint64_t limit =
      after == segments_.end() ? DurableEnd() : std::min(DurableEnd(), after->header.first_position);
  if (after == segments_.begin()) {
    cursor_.scanner.reset();
    return limit;
  }
  const Segment& segment = *std::prev(after);
  if (cursor_.scanner == nullptr || cursor_.number != segment.header.number) {
    cursor_.number = segment.header.number;
    cursor_.file = segment.file;
    cursor_.scanner = std::make_unique<SegmentScanner>(*cursor_.file, segment.header);
  }
  return limit;
}

DiskResult<WalJournal::Loaded> WalJournal::ReadFrame(uint64_t limit) {
  Loaded nothing{{}, {{cursor_.position, limit}}, limit};
  if (cursor_.scanner == nullptr) return nothing;
  SegmentScanner& scanner = *cursor_.scanner;
  scanner.DropBuffer();
  do {
    const auto found = scanner.Next(limit);
    if (!found) return std::unexpected(found.error());
    if (!*found) return nothing;
  } while (scanner.Expected() <= cursor_.position);

  Loaded loaded;
  const FrameHeader& frame = scanner.Frame();
  if (frame.first_position > cursor_.position) {
    loaded.missing.emplace_back(cursor_.position, frame.first_position);
  }
  char* bytes = TakeRoom(cursor_.block, frame.body_bytes, memory_bytes_);
  std::copy(scanner.Bodies().begin(), scanner.Bodies().end(), bytes);
  const base::SteadyTime accepted_at = SteadyOf(frame.accepted_at);
  uint64_t position = frame.first_position;
  for (const IndexEntry& entry : scanner.Index()) {
    if (position >= cursor_.position) {
      if (base::Crc32c({bytes, entry.size}) == entry.crc) {
        loaded.events.push_back(EventOf(position, bytes, entry, accepted_at));
      } else {
        loaded.missing.emplace_back(position, position + 1);
      }
    }
    bytes += entry.size;
    ++position;
  }
  loaded.end = position;
  return loaded;
}

// Returns how many events are lost: missing, and not settled before.
uint64_t WalJournal::Admit(const Loaded& loaded, uint64_t& filled_lanes) {
  uint64_t lost = 0;
  for (const auto& [from, to] : loaded.missing) {
    lost += settled_.Unsettled(from, to);
    settled_.Mark(from, to);
  }
  if (lost > 0) {
    unsettled_ -= lost;
    counts_.lost += lost;
    settled_since_checkpoint_ += lost;
    for (Segment& segment : segments_) segment.damaged |= segment.header.number == cursor_.number;
  }
  std::vector<app::JournalEvent> waiting;
  waiting.reserve(loaded.events.size());
  for (const app::JournalEvent& event : loaded.events) {
    if (!settled_.Contains(event.position)) waiting.push_back(event);
  }
  window_.Add(waiting, cursor_.block, filled_lanes);
  if (!waiting.empty()) backlog_since_ = waiting.back().accepted_at;
  backlog_from_ = loaded.end;
  if (backlog_from_ >= DurableEnd()) {
    backlog_ = false;
    cursor_ = {};
  }
  return lost;
}

}  // namespace ei::wal
