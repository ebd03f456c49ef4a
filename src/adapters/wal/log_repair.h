#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "adapters/wal/disk.h"
#include "adapters/wal/log_survey.h"
#include "base/result.h"

namespace ei::wal {

using PositionRange = std::pair<uint64_t, uint64_t>;  // begin, end (exclusive)

struct DamagedSegment {
  SurveyedSegment segment;
  uint64_t readable = 0;  // unsettled events that can be moved
};

struct RepairPlan {
  LogSurvey survey;
  std::vector<DamagedSegment> damaged;
  std::vector<PositionRange> lost;  // unsettled events that can't be read, by position
  uint64_t lost_events = 0;
};

// Reads the whole log and changes nothing. No service may be writing to the log.
base::Result<RepairPlan> PlanRepair(Directory& directory);

struct MovedEvents {
  std::string from;
  std::string to;
  uint64_t events = 0;
  uint64_t first_position = 0;  // in the new segment
};

struct RepairOutcome {
  std::vector<std::string> removed;
  std::vector<MovedEvents> moved;
  std::vector<std::pair<std::string, std::string>> renamed;  // from, to
};

// Repairs the log: moves the readable unsettled events of each damaged segment into a new segment at the end
// of the log, then quarantines the damaged segments. Moved events keep their order among themselves and come
// after all events of sound segments. No byte of a damaged file is lost.
//
// Each step is synced before the next begins:
// - unfinished files are removed, and so are the notes of sent events, as they name events by positions that
//   other events get;
// - the new segments get their names, completely written;
// - a checkpoint marks the old positions as settled;
// - the damaged files are renamed.
// A crash between the second and the third step leaves the moved events in the log twice, so they are
// delivered twice. No crash loses an event. After a failure or a crash the repair may be run again.
//
// `seed` generates the salts of the new segments: it must not be known to clients.
base::Result<RepairOutcome> Repair(Directory& directory, const RepairPlan& plan, uint64_t seed);

}  // namespace ei::wal
