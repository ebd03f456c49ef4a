#include "adapters/wal/backlog_reader.h"

#include <algorithm>
#include <cassert>
#include <string_view>
#include <system_error>

#include "adapters/wal/disk_errors.h"
#include "adapters/wal/segment_files.h"

namespace ei::wal {

namespace {

// Pause between two attempts after a read error.
constexpr base::Duration kRetryPauseMin = std::chrono::milliseconds(20);
constexpr base::Duration kRetryPauseMax = std::chrono::seconds(1);
// Time between two log lines about it.
constexpr base::Duration kReportInterval = std::chrono::minutes(1);

double Seconds(base::Duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

Work BacklogReader::ReadBack() {
  Cursor* cursor = nullptr;
  uint64_t limit = 0;
  {
    base::MutexLock lock(state_.mutex);
    if (!state_.durable.MayReadBack()) {
      state_.read_back_idle = true;
      return Work::kIdle;
    }
    cursor = NextCursor(state_.clock.Now());
    if (cursor == nullptr) return Work::kLater;
    limit = PointCursor(*cursor);
  }
  const auto loaded = ReadFrame(*cursor, limit);
  if (!loaded) {
    NoteFault(*cursor, loaded.error());
    return Work::kLater;
  }
  if (cursor->fault) NoteReadable(*cursor);
  const std::optional<SegmentHeader> segment = cursor->segment;
  uint64_t filled_lanes = 0;
  uint64_t lost = 0;
  bool wake_housekeep = false;
  {
    base::MutexLock lock(state_.mutex);
    lost = cursor == &returns_ ? AdmitReturned(*loaded, filled_lanes) : Admit(*loaded, filled_lanes);
    wake_housekeep = lost > 0 && LogState::WakeIfIdle(state_.housekeep_idle);  // a segment may now be settled
  }
  if (lost > 0) {
    state_.log.Write(
        LogLevel::kError, "wal", "the log is damaged: events are lost; the segment will be quarantined",
        {{"events", lost}, {"segment", segment ? segment->number : 0}, {"before_position", loaded->end}});
  }
  ei::WakeLanes(filled_lanes, state_.options.lanes, state_.lane_filled);
  if (wake_housekeep) state_.wake(Role::kHousekeep);
  return Work::kDone;
}

// A read error does not mean that the data is lost: a path to the disk may be back in an hour. So it never
// costs an event, however long it lasts. The later events of this cursor wait too, because events of a key
// must stay in order and the keys of unreadable events are not known.
void BacklogReader::NoteFault(Cursor& cursor, int error) {
  assert(cursor.segment);
  const base::SteadyTime now = state_.clock.Now();
  if (!cursor.fault) {
    cursor.fault = ReadFault{.since = now, .report_at = now, .retry_at = now, .pause = kRetryPauseMin};
    CountUnreadable();
  }
  ReadFault& fault = *cursor.fault;
  if (now >= fault.report_at) {
    state_.log.Write(
        LogLevel::kError, "wal",
        IsOutOfFiles(error)
            ? kOutOfFiles
            : "wal.dir (WAL_DIR): the log can't be read; retrying. Its events wait, and so do all later "
              "events; if the disk doesn't recover, stop the service and run: event-ingestor wal repair",
        {{"file", SegmentName(cursor.segment->number)},
         {"error", std::system_category().message(error)},
         {"from_position", cursor.position},
         {"seconds", Seconds(now - fault.since)}});
    fault.report_at = now + kReportInterval;
  }
  fault.retry_at = now + fault.pause;
  fault.pause = std::min(2 * fault.pause, kRetryPauseMax);
}

void BacklogReader::NoteReadable(Cursor& cursor) {
  assert(cursor.fault);
  state_.log.Write(LogLevel::kInfo, "wal", "the log can be read again",
                   {{"file", cursor.segment ? SegmentName(cursor.segment->number) : std::string()},
                    {"seconds", Seconds(state_.clock.Now() - cursor.fault->since)}});
  cursor.fault.reset();
  CountUnreadable();
}

void BacklogReader::CountUnreadable() {
  base::MutexLock lock(state_.mutex);
  state_.counts.unreadable = backlog_.fault || returns_.fault ? 1 : 0;
}

// The backlog and the deferred events have their turns, so that neither waits for the other's end, nor for a
// disk that can't read the other's events. Null: what may be read waits for its next attempt.
BacklogReader::Cursor* BacklogReader::NextCursor(base::SteadyTime now) {
  const auto is_due = [&](const Cursor& cursor) { return !cursor.fault || now >= cursor.fault->retry_at; };
  const bool backlog = state_.durable.MayReadBacklog() && is_due(backlog_);
  const bool returns = state_.durable.MayReturn() && is_due(returns_);
  if (!backlog && !returns) return nullptr;
  returned_last_ = returns && !(backlog && returned_last_);
  return returned_last_ ? &returns_ : &backlog_;
}

// Points the cursor at the segment that should hold the next position to be read, and returns the end of that
// segment's positions. Settled events are skipped without reading them.
uint64_t BacklogReader::PointCursor(Cursor& cursor) {
  const uint64_t durable_end = state_.DurableEnd();
  const bool returns = &cursor == &returns_;
  const uint64_t next = returns ? state_.durable.deferred.NextReturn().value_or(durable_end)
                                : state_.segments.Settled().FirstUnsettled(state_.durable.backlog.from);
  cursor.position = std::min(next, durable_end);
  const Segment* const segment = state_.segments.At(cursor.position);
  if (segment == nullptr) {
    cursor.segment.reset();
    const auto oldest = state_.segments.Oldest();
    return oldest ? std::min(durable_end, oldest->first_position) : durable_end;
  }
  if (!cursor.segment || cursor.segment->number != segment->header.number) {
    cursor.Rewind();
    cursor.segment = segment->header;
    cursor.start = returns ? FramePlace() : state_.durable.backlog.start;
  } else if (cursor.scanner != nullptr && cursor.position < cursor.scanner->Expected()) {
    cursor.Rewind();  // of another partition an older event can return
  }
  return std::min(durable_end, state_.segments.EndOf(KeyOf(segment->header)));
}

void BacklogReader::Cursor::Rewind() {
  scanner.reset();
  file.reset();
}

// Opens the segment at the cursor. Its file exists, because a file stays until all of its events are settled.
DiskResult<void> BacklogReader::OpenSegment(Cursor& cursor) {
  assert(cursor.segment);
  const SegmentHeader segment = *cursor.segment;
  auto file = state_.directory.Open(SegmentName(segment.number));
  if (!file) return std::unexpected(file.error());
  cursor.file = std::move(*file);
  cursor.scanner = std::make_unique<SegmentScanner>(*cursor.file, segment);
  const FramePlace& start = cursor.start;
  if (start.segment == segment.number && start.offset > 0 && start.first_position <= cursor.position) {
    cursor.scanner->StartAt(start.offset, start.first_position);
  }
  return {};
}

DiskResult<BacklogReader::Loaded> BacklogReader::ReadFrame(Cursor& cursor, uint64_t limit) {
  Loaded nothing{{}, {{cursor.position, limit}}, limit, cursor.block};
  if (!cursor.segment || cursor.position >= limit) return nothing;
  if (cursor.scanner == nullptr) {
    if (const auto opened = OpenSegment(cursor); !opened) return std::unexpected(opened.error());
  }
  SegmentScanner& scanner = *cursor.scanner;
  scanner.DropBuffer();
  const auto found = scanner.Next(limit, cursor.position);
  if (!found) return std::unexpected(found.error());
  if (!*found) return nothing;

  Loaded loaded;
  const FrameHeader& frame = scanner.Frame();
  if (frame.first_position > cursor.position) {
    loaded.missing.emplace_back(cursor.position, frame.first_position);
  }
  // The topic and the events are in one block, so that they have the same lifetime.
  const std::string_view topic = state_.TopicIfDifferent(scanner.End().topic);
  loaded.block = cursor.block;
  char* const room = RoomIn(loaded.block, frame.body_bytes + topic.size(), state_.block_bytes);
  std::copy(topic.begin(), topic.end(), room);
  const std::string_view frame_topic(room, topic.size());
  char* bytes = room + topic.size();
  LogTopic(frame, scanner.End().topic);
  std::copy(scanner.Bodies().begin(), scanner.Bodies().end(), bytes);
  const base::SteadyTime accepted_at = state_.SteadyOf(frame.accepted_at);
  uint64_t position = frame.first_position;
  for (const IndexEntry& entry : scanner.Index()) {
    // A torn frame may extend into positions that were assigned again, to events of the next segment.
    if (position >= cursor.position && position < limit) {
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

// The topic was fixed when the events were accepted, by a previous run with other settings.
void BacklogReader::LogTopic(const FrameHeader& frame, const std::string& topic) {
  const std::string& topic_now = state_.options.topic;
  if (topic_logged_ || frame.origins == 0 || topic == topic_now) return;
  topic_logged_ = true;
  const std::string_view message =
      topic.empty()       ? "the log has events that were accepted for files: they go to the current topic"
      : topic_now.empty() ? "the log has events that were accepted for a topic: they go to files, the "
                            "current sink.kind (SINK)"
                          : "the log has events that were accepted for another topic than kafka.topic "
                            "(KAFKA_TOPIC): they go to that topic";
  state_.log.Write(LogLevel::kWarn, "wal", message,
                   {{"topic", std::string_view(topic)}, {"topic_now", std::string_view(topic_now)}});
}

// Adds the events to the window. Returns how many events are lost: those that are missing and were not
// settled before.
uint64_t BacklogReader::Admit(const Loaded& loaded, uint64_t& filled_lanes) {
  uint64_t lost = 0;
  for (const auto& [from, to] : loaded.missing) lost += state_.segments.Settle(from, to);
  CountLost(backlog_, lost);
  std::vector<JournalEvent> waiting;
  waiting.reserve(loaded.events.size());
  for (const JournalEvent& event : loaded.events) {
    if (state_.segments.Settled().Contains(event.position) || state_.durable.Defer(event)) continue;
    waiting.push_back(event);
  }
  backlog_.block = loaded.block;
  state_.durable.window.Add(waiting, backlog_.block, filled_lanes);
  state_.StoreHints();
  if (!waiting.empty()) state_.durable.backlog.since = waiting.back().accepted_at;
  state_.durable.backlog.from = loaded.end;
  if (state_.durable.backlog.from >= state_.DurableEnd()) {
    state_.durable.backlog.exists = false;
    backlog_ = {};
  }
  return lost;
}

// The same for deferred events.
uint64_t BacklogReader::AdmitReturned(const Loaded& loaded, uint64_t& filled_lanes) {
  uint64_t lost = 0;
  for (const auto& [from, to] : loaded.missing) {
    for (const uint64_t position : state_.durable.deferred.DropLost(from, to)) {
      lost += state_.segments.Settle(position, position + 1);
    }
  }
  CountLost(returns_, lost);
  std::vector<JournalEvent> returned;
  for (const JournalEvent& event : loaded.events) {
    if (state_.durable.Return(event)) returned.push_back(event);
  }
  returns_.block = loaded.block;
  state_.durable.window.Add(returned, returns_.block, filled_lanes);
  state_.StoreHints();
  if (state_.durable.deferred.Events() == 0) returns_ = {};
  return lost;
}

void BacklogReader::CountLost(const Cursor& cursor, uint64_t lost) {
  if (lost == 0) return;
  state_.NoteLost(lost, cursor.segment ? state_.segments.Find(KeyOf(*cursor.segment)) : nullptr);
}

}  // namespace ei::wal
