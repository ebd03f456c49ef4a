// Load: how events that had no room in memory come back from the disk.

#include <algorithm>
#include <cassert>
#include <system_error>

#include "adapters/wal/disk_errors.h"
#include "adapters/wal/segment_files.h"
#include "adapters/wal/wal_journal.h"

namespace ei::wal {

namespace {

// Between two tries of what the disk could not read.
constexpr base::Duration kRetryPauseMin = std::chrono::milliseconds(20);
constexpr base::Duration kRetryPauseMax = std::chrono::seconds(1);
// Between two lines of the log that say so.
constexpr base::Duration kTellInterval = std::chrono::minutes(1);

double Seconds(base::Duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

Work WalJournal::ReadBack() {
  if (read_fault_ && clock_.Now() < read_fault_->again_at) return Work::kLater;
  uint64_t limit = 0;
  {
    base::MutexLock lock(mutex_);
    if (!backlog_ || !MayReadBack()) {
      read_back_idle_ = true;
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
  bool wake_housekeep = false;
  {
    base::MutexLock lock(mutex_);
    lost = Admit(*loaded, filled_lanes);
    wake_housekeep = lost > 0 && WakeIfIdle(housekeep_idle_);  // a segment may need to stay no longer
  }
  if (lost > 0) {
    log_.Write(LogLevel::kError, "wal", "the log is damaged: events are lost; the segment will be set aside",
               {{"events", lost},
                {"segment", cursor_.segment ? cursor_.segment->number : 0},
                {"before_position", loaded->end}});
  }
  ei::WakeLanes(filled_lanes, options_.lanes, lane_filled_);
  if (wake_housekeep) wake_(Role::kHousekeep);
  return Work::kDone;
}

// An error says nothing about what stands on the medium, so it never costs an event, however long it lasts: a
// path to a disk may be back in an hour. All that was accepted later waits too, as keys stay in order and
// nobody can know the keys of what can't be read.
void WalJournal::NoteReadFault(int error) {
  assert(cursor_.segment);
  const base::SteadyTime now = clock_.Now();
  if (!read_fault_) {
    read_fault_ = ReadFault{.since = now, .tell_at = now, .again_at = now, .pause = kRetryPauseMin};
    base::MutexLock lock(mutex_);
    counts_.unreadable = 1;
  }
  if (now >= read_fault_->tell_at) {
    log_.Write(
        LogLevel::kError, "wal",
        IsOutOfFiles(error)
            ? kOutOfFiles
            : "wal.dir (WAL_DIR): the log can't be read; trying again. Its events wait, and so do all that "
              "came later; when the disk doesn't recover, stop the service and run: event-ingestor wal repair",
        {{"file", SegmentName(cursor_.segment->number)},
         {"error", std::system_category().message(error)},
         {"from_position", cursor_.position},
         {"seconds", Seconds(now - read_fault_->since)}});
    read_fault_->tell_at = now + kTellInterval;
  }
  read_fault_->again_at = now + read_fault_->pause;
  read_fault_->pause = std::min(2 * read_fault_->pause, kRetryPauseMax);
}

void WalJournal::NoteReadable() {
  assert(read_fault_ && cursor_.segment);
  log_.Write(LogLevel::kInfo, "wal", "the log can be read again",
             {{"file", SegmentName(cursor_.segment->number)},
              {"seconds", Seconds(clock_.Now() - read_fault_->since)}});
  read_fault_.reset();
  base::MutexLock lock(mutex_);
  counts_.unreadable = 0;
}

// By half, so that reading goes in strides.
bool WalJournal::MayReadBack() const {
  return window_.Events() == 0 || backlog_from_ < sent_end_ ||
         (window_.Events() <= options_.window_events_max / 2 &&
          window_.Bytes() <= options_.window_bytes_max / 2);
}

// Aims at the segment in which the next unsettled position should be; returns where that segment's positions
// end. What is settled is passed over unread: nobody needs to read it.
uint64_t WalJournal::PointCursor() {
  const uint64_t durable_end = DurableEnd();
  cursor_.position = std::min(segments_.Settled().FirstUnsettled(backlog_from_), durable_end);
  const Segment* const segment = segments_.At(cursor_.position);
  if (segment == nullptr) {
    cursor_.segment.reset();
    const auto oldest = segments_.Oldest();
    return oldest ? std::min(durable_end, oldest->first_position) : durable_end;
  }
  if (!cursor_.segment || cursor_.segment->number != segment->header.number) {
    cursor_.scanner.reset();
    cursor_.file.reset();
    cursor_.segment = segment->header;
    cursor_.start = backlog_start_;
  }
  return std::min(durable_end, segments_.EndOf(KeyOf(segment->header)));
}

// The file is there until all of its events are settled, and the one at the cursor is not.
DiskResult<void> WalJournal::OpenCursor() {
  assert(cursor_.segment);
  const SegmentHeader segment = *cursor_.segment;
  auto file = directory_.Open(SegmentName(segment.number));
  if (!file) return std::unexpected(file.error());
  cursor_.file = std::move(*file);
  cursor_.scanner = std::make_unique<SegmentScanner>(*cursor_.file, segment);
  const FramePlace& start = cursor_.start;
  if (start.segment == segment.number && start.offset > 0 && start.first_position <= cursor_.position) {
    cursor_.scanner->StartAt(start.offset, start.first_position);
  }
  return {};
}

DiskResult<WalJournal::Loaded> WalJournal::ReadFrame(uint64_t limit) {
  Loaded nothing{{}, {{cursor_.position, limit}}, limit, cursor_.block};
  if (!cursor_.segment || cursor_.position >= limit) return nothing;
  if (cursor_.scanner == nullptr) {
    if (const auto opened = OpenCursor(); !opened) return std::unexpected(opened.error());
  }
  SegmentScanner& scanner = *cursor_.scanner;
  scanner.DropBuffer();
  const auto found = scanner.Next(limit, cursor_.position);
  if (!found) return std::unexpected(found.error());
  if (!*found) return nothing;

  Loaded loaded;
  const FrameHeader& frame = scanner.Frame();
  if (frame.first_position > cursor_.position) {
    loaded.missing.emplace_back(cursor_.position, frame.first_position);
  }
  // Topic and events in one block, so that they live as long as one another.
  const std::string_view topic = TopicElsewhere(scanner.End().topic);
  loaded.block = cursor_.block;
  char* const room = RoomIn(loaded.block, frame.body_bytes + topic.size(), block_bytes_);
  std::copy(topic.begin(), topic.end(), room);
  const std::string_view frame_topic(room, topic.size());
  char* bytes = room + topic.size();
  LogTopic(frame, scanner.End().topic);
  std::copy(scanner.Bodies().begin(), scanner.Bodies().end(), bytes);
  const base::SteadyTime accepted_at = SteadyOf(frame.accepted_at);
  uint64_t position = frame.first_position;
  for (const IndexEntry& entry : scanner.Index()) {
    // What a crash tore may run on into positions that were given anew, to the next segment's events.
    if (position >= cursor_.position && position < limit) {
      if (IsSoundEvent({bytes, entry.size}, entry)) {
        loaded.events.push_back(EventFromDisk(position, bytes, entry, accepted_at, frame_topic));
      } else {
        loaded.missing.emplace_back(position, position + 1);
      }
    }
    bytes += entry.size;
    ++position;
  }
  loaded.end = std::min(position, limit);
  return loaded;
}

// Says once when events go elsewhere than those that are accepted now: their topic was fixed when they were
// accepted, in another life with other settings.
void WalJournal::LogTopic(const FrameHeader& frame, const std::string& topic) {
  if (topic_told_ || frame.origins == 0 || topic == options_.topic) return;
  topic_told_ = true;
  const std::string_view message =
      topic.empty() ? "the log has events that were accepted for files: they go to the topic of now"
      : options_.topic.empty()
          ? "the log has events that were accepted for a topic: they go to files, as sink.kind (SINK) says now"
          : "the log has events that were accepted for another topic than kafka.topic (KAFKA_TOPIC): they go there";
  log_.Write(LogLevel::kWarn, "wal", message,
             {{"topic", std::string_view(topic)}, {"topic_now", std::string_view(options_.topic)}});
}

// Returns how many events are lost: missing, and not settled before.
uint64_t WalJournal::Admit(const Loaded& loaded, uint64_t& filled_lanes) {
  uint64_t lost = 0;
  Segment* const segment = cursor_.segment ? segments_.Find(KeyOf(*cursor_.segment)) : nullptr;
  for (const auto& [from, to] : loaded.missing) lost += segments_.Settle(from, to);
  if (lost > 0) {
    counts_.lost += lost;
    settled_since_checkpoint_ += lost;
    if (segment != nullptr) NoteDamaged(*segment);
  }
  std::vector<JournalEvent> waiting;
  waiting.reserve(loaded.events.size());
  for (const JournalEvent& event : loaded.events) {
    if (!segments_.Settled().Contains(event.position)) waiting.push_back(event);
  }
  cursor_.block = loaded.block;
  window_.Add(waiting, cursor_.block, filled_lanes);
  StoreHints();
  if (!waiting.empty()) backlog_since_ = waiting.back().accepted_at;
  backlog_from_ = loaded.end;
  if (backlog_from_ >= DurableEnd()) {
    backlog_ = false;
    cursor_ = {};
  }
  return lost;
}

}  // namespace ei::wal
