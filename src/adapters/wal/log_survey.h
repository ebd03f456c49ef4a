#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/wal/checkpoint_view.h"
#include "adapters/wal/disk.h"
#include "adapters/wal/log_damage.h"
#include "adapters/wal/settled_map.h"
#include "adapters/wal/wal_format.h"
#include "base/result.h"

namespace ei::wal {

// A segment as a survey finds it. Its file is not kept open: a log may have more files than a process may
// open.
struct SurveyedSegment {
  // What comes behind its last event.
  enum class Behind : uint8_t {
    kNext,      // the segment of the next number, which begins where this one ends
    kNothing,   // it is the newest
    kUnknown,   // those in between are gone, as all do once they are settled, or can't be read
    kAnything,  // it was set aside
  };

  std::string name;
  uint64_t number = 0;
  uint64_t file_bytes = 0;
  bool readable = false;       // its header, or its first frame, says what it is
  SegmentHeader header;        // when it is readable
  uint64_t read_bytes = 0;     // what may be read of it: no more than there is, whatever the header says
  uint32_t front_crc = 0;      // tells whether the file has begun another life since
  uint64_t positions_end = 0;  // all of its positions are below
  Behind behind = Behind::kUnknown;
  // In the newest: where a commit stands that was never finished, and of which nobody was told.
  std::optional<uint64_t> torn_at;
  std::vector<LogDamage> damage;  // known before its frames are read
};

// What stands in the folder of a log, at one moment.
struct LogSurvey {
  std::vector<SurveyedSegment> segments;   // used ones, by number
  std::vector<SurveyedSegment> prepared;   // never used under their numbers
  std::vector<SurveyedSegment> set_aside;  // damaged ones that are kept, by number
  std::vector<std::string> unfinished;     // files that a start removes, segments among them
  std::vector<uint64_t> sent;              // numbers of the files of notes of what was sent
  CheckpointView checkpoint;
  SettledMap settled = SettledMap(0);
  uint64_t end = 0;               // one past the last position of the log
  uint64_t next_segment = 0;      // numbers from here on were never used
  std::vector<LogDamage> damage;  // of no single file
};

// Looks at every file, and reads the newest segment to find the end; changes nothing. Right also beside a
// process that writes: what that adds or lets go meanwhile is not in the survey. kInvalid: there is a format
// version that this program doesn't know.
base::Result<LogSurvey> SurveyLog(Directory& directory);

}  // namespace ei::wal
