#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "adapters/wal/disk.h"
#include "adapters/wal/log_survey.h"
#include "base/result.h"

namespace ei::wal {

using PositionRange = std::pair<uint64_t, uint64_t>;  // from, and one past

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

// Reads the whole log; changes nothing. No service writes there.
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

// Makes the log whole: moves the readable unsettled events of each damaged segment into a new one at the
// log's end, then sets the damaged ones aside. Moved events keep their order among themselves, and come after
// all that were sound. No bytes of a damaged file are lost.
//
// Steps, each on the disk before the next: unfinished files go, and so do notes of what was sent, as they
// name events by positions that others get; the new segments appear, whole; a checkpoint settles the old
// positions; the damaged files are renamed. A crash between the second and the third leaves moved events
// twice, so they are delivered twice; no crash loses any. After a failure, or a crash, it may be run again.
//
// `seed` makes the new segments' salts: no client may know it.
base::Result<RepairOutcome> Repair(Directory& directory, const RepairPlan& plan, uint64_t seed);

}  // namespace ei::wal
