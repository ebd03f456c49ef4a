// Load: how events that had no room in memory come back from the disk.

#include <algorithm>
#include <iterator>
#include <system_error>

#include "adapters/wal/wal_journal.h"

namespace ei::wal {

namespace {

// Then sectors that can't be read count as damaged. A cable that is loose for a moment must not cost events.
constexpr uint32_t kReadFaultsMax = 50;

}  // namespace

Work WalJournal::Load() {
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
    if (read_faults_++ == 0) {
      log_.Write(app::LogLevel::kError, "wal", "wal.dir (WAL_DIR): the log can't be read; trying again",
                 {{"error", std::system_category().message(loaded.error())}});
    }
    if (read_faults_ > kReadFaultsMax) cursor_.scanner->ReadPastFaults();
    return Work::kLater;
  }
  read_faults_ = 0;
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
  // Topic and events in one block, so that they live as long as one another.
  const std::string_view topic = TopicElsewhere(scanner.End().topic);
  char* const room = TakeRoom(cursor_.block, frame.body_bytes + topic.size(), memory_bytes_);
  std::copy(topic.begin(), topic.end(), room);
  const std::string_view frame_topic(room, topic.size());
  char* bytes = room + topic.size();
  TellTopic(frame, scanner.End().topic);
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
void WalJournal::TellTopic(const FrameHeader& frame, const std::string& topic) {
  if (topic_told_ || frame.origins == 0 || topic == options_.topic) return;
  topic_told_ = true;
  const std::string_view message =
      topic.empty() ? "the log has events that were accepted for files: they go to the topic of now"
      : options_.topic.empty()
          ? "the log has events that were accepted for a topic: they go to files, as sink.kind (SINK) says now"
          : "the log has events that were accepted for another topic than kafka.topic (KAFKA_TOPIC): they go there";
  log_.Write(app::LogLevel::kWarn, "wal", message,
             {{"topic", std::string_view(topic)}, {"topic_now", std::string_view(options_.topic)}});
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
