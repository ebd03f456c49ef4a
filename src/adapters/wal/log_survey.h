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

// A segment as a survey finds it. The survey does not keep the file open, because a log may have more files
// than a process may open.
struct SurveyedSegment {
  // What follows its last event.
  enum class Behind : uint8_t {
    kNext,      // the segment with the next number, which begins where this one ends
    kNothing,   // nothing: it is the newest segment
    kUnknown,   // the segments in between were removed after they were settled, or can't be read
    kAnything,  // it is quarantined
  };

  std::string name;
  uint64_t number = 0;
  uint64_t file_bytes = 0;
  bool readable = false;       // its header or its first frame identifies it
  SegmentHeader header;        // valid if `readable`
  uint64_t read_bytes = 0;     // how much of the file to read: at most its size, whatever the header says
  uint32_t front_crc = 0;      // of the header; detects that the file has been reused since the survey
  uint64_t positions_end = 0;  // all of its positions are below this one
  Behind behind = Behind::kUnknown;
  // In the newest segment: the offset of a commit that was not finished. Its events were never acknowledged.
  std::optional<uint64_t> torn_at;
  std::vector<LogDamage> damage;  // found before its frames are read
};

// The content of a log's folder at one moment.
struct LogSurvey {
  std::vector<SurveyedSegment> segments;   // segments in use, by number
  std::vector<SurveyedSegment> prepared;   // prepared segments, never used under their numbers
  std::vector<SurveyedSegment> set_aside;  // quarantined segments, by number
  std::vector<std::string> unfinished;     // files that the next start removes, segments included
  std::vector<uint64_t> sent;              // numbers of the files of sent notes
  CheckpointView checkpoint;
  SettledMap settled = SettledMap(0);
  uint64_t end = 0;               // one past the last position of the log
  uint64_t next_segment = 0;      // numbers from here on were never used
  std::vector<LogDamage> damage;  // damage that belongs to no single file
};

// Opens every file and reads the newest segment to find the end of the log; changes nothing. The result is
// correct also while another process writes to the log: segments that it adds or removes meanwhile are not in
// the survey. kInvalid: a segment has a format version that this program doesn't know.
base::Result<LogSurvey> SurveyLog(Directory& directory);

}  // namespace ei::wal
