#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/wal/disk.h"
#include "adapters/wal/log_state.h"
#include "adapters/wal/segment_scanner.h"
#include "adapters/wal/wal_format.h"
#include "adapters/wal/wal_role.h"
#include "base/time.h"
#include "journal/event_buffer.h"
#include "journal/journal.h"

namespace ei::wal {

// The role ReadBack: reads events that had no room in memory back from the disk; see DurableEvents. The
// backlog and the deferred events have a cursor each, and each cursor keeps one file open.
//
// An event counts as lost only if its place was read and holds no event with a right checksum. A read error
// costs no event, however long it lasts.
//
// Used by one thread at a time.
class BacklogReader {
 public:
  // `state` must outlive this object.
  explicit BacklogReader(LogState& state) : state_(state) {}

  // Reads one frame back if there is room for it in memory.
  Work ReadBack();

  // Logs once if events of the log go to another topic than events that are accepted now.
  void LogTopic(const FrameHeader& frame, const std::string& topic);

 private:
  // State of a cursor that can't read.
  struct ReadFault {
    base::SteadyTime since;
    base::SteadyTime report_at;
    base::SteadyTime retry_at;
    base::Duration pause;
  };

  // Where reading continues, and the scanner of that segment.
  struct Cursor {
    void Rewind();  // to the beginning of its segment

    uint64_t position = 0;
    std::optional<SegmentHeader> segment;  // nullopt: no segment contains the position
    FramePlace start;                      // a frame at or before the position
    std::unique_ptr<File> file;            // opened on demand
    std::unique_ptr<SegmentScanner> scanner;
    std::optional<ReadFault> fault;
    // Being filled; released under the mutex, because it may be reused while events are taken.
    std::shared_ptr<EventBlock> block;
  };

  // One frame that was read, and the positions that are missing before or within it.
  struct Loaded {
    std::vector<JournalEvent> events;
    std::vector<std::pair<uint64_t, uint64_t>> missing;  // from, to
    uint64_t end = 0;
    std::shared_ptr<EventBlock> block;  // holds the bytes of the events
  };

  Cursor* NextCursor(base::SteadyTime now) REQUIRES(state_.mutex);
  uint64_t PointCursor(Cursor& cursor) REQUIRES(state_.mutex);
  DiskResult<void> OpenSegment(Cursor& cursor);
  DiskResult<Loaded> ReadFrame(Cursor& cursor, uint64_t limit);
  uint64_t Admit(const Loaded& loaded, uint64_t& filled_lanes) REQUIRES(state_.mutex);
  uint64_t AdmitReturned(const Loaded& loaded, uint64_t& filled_lanes) REQUIRES(state_.mutex);
  void CountLost(const Cursor& cursor, uint64_t lost) REQUIRES(state_.mutex);
  void NoteFault(Cursor& cursor, int error);
  void NoteReadable(Cursor& cursor);
  void CountUnreadable();

  LogState& state_;
  Cursor backlog_;
  Cursor returns_;              // of deferred events
  bool returned_last_ = false;  // which cursor read last
  bool topic_logged_ = false;
};

}  // namespace ei::wal
