#include "adapters/wal/log_survey.h"

#include <algorithm>
#include <functional>

#include "adapters/wal/log_limits.h"
#include "adapters/wal/recovery.h"
#include "adapters/wal/segment_files.h"
#include "adapters/wal/segment_front.h"
#include "adapters/wal/segment_reader.h"

namespace ei::wal {

namespace {

using Behind = SurveyedSegment::Behind;

struct Fronts {
  std::vector<SegmentFront> segments;  // by number
  std::vector<SegmentFront> quarantined;
};

// Reads from the highest number down. A running service may begin prepared segments meanwhile, in ascending
// order: read upwards, an unused segment could be seen below a used one, which looks damaged.
base::Result<Fronts> ReadFronts(Directory& directory, const std::vector<std::string>& names) {
  Fronts fronts;
  for (const std::string& name : names) {
    const auto number = SegmentNumber(name);
    const auto damaged_number = DamagedNumber(name);
    if (!number && !damaged_number) continue;
    auto front = ReadSegmentFront(directory, name, number ? *number : *damaged_number, !number);
    if (!front && front.error().kind == base::ErrorKind::kUnavailable) continue;
    if (!front) return std::unexpected(std::move(front.error()));
    (number ? fronts.segments : fronts.quarantined).push_back(std::move(*front));
  }
  std::ranges::reverse(fronts.segments);
  std::ranges::reverse(fronts.quarantined);
  return fronts;
}

// Sorts the fronts into segments in use, prepared and quarantined ones. A prepared segment has a number above
// the used ones, and its header is empty or from a previous use.
void Sort(Fronts fronts, LogSurvey& survey) {
  uint64_t last_used = 0;
  for (const SegmentFront& front : fronts.segments) {
    if (front.segment.readable) last_used = front.segment.number;
  }
  for (SegmentFront& front : fronts.segments) {
    SurveyedSegment& segment = front.segment;
    if (segment.readable) {
      survey.segments.push_back(std::move(segment));
    } else if (front.unused && segment.number >= last_used) {
      survey.prepared.push_back(std::move(segment));
    } else {
      if (segment.damage.empty()) {
        segment.damage.push_back(
            {"both copies of the header and the first frame are damaged: none of its events can be read", 0,
             kSegmentHeaderBytes + kFrameHeaderBytes});
      }
      survey.segments.push_back(std::move(segment));
    }
  }
  for (SegmentFront& front : fronts.quarantined) {
    front.segment.positions_end = kPositionsMax;
    front.segment.behind = Behind::kAnything;
    survey.set_aside.push_back(std::move(front.segment));
  }
}

void CountNumbers(LogSurvey& survey) {
  if (survey.checkpoint.newest) survey.next_segment = survey.checkpoint.newest->next_segment;
  for (const auto* segments : {&survey.segments, &survey.prepared, &survey.set_aside}) {
    for (const SurveyedSegment& segment : *segments) {
      if (segment.number < kSegmentNumbersMax) {
        survey.next_segment = std::max(survey.next_segment, segment.number + 1);
      }
    }
  }
}

// Determines where each segment's positions end and what must follow there.
void FindNeighbours(LogSurvey& survey) {
  SurveyedSegment* before = nullptr;
  bool apart = false;  // a segment that can't be read follows `before`
  for (SurveyedSegment& segment : survey.segments) {
    if (!segment.readable) {
      apart = true;
      continue;
    }
    if (before != nullptr) {
      before->positions_end = segment.header.first_position;
      before->behind = !apart && segment.number == before->number + 1 ? Behind::kNext : Behind::kUnknown;
      if (before->positions_end < before->header.first_position) {
        segment.damage.push_back({"its positions are lower than those of the previous segment"});
      }
    }
    before = &segment;
    apart = false;
  }
  if (before != nullptr) before->behind = apart ? Behind::kUnknown : Behind::kNothing;
}

bool IsReadable(const SurveyedSegment& segment) { return segment.readable; }

const SurveyedSegment* Oldest(const LogSurvey& survey) {
  const auto oldest = std::ranges::find_if(survey.segments, IsReadable);
  return oldest == survey.segments.end() ? nullptr : &*oldest;
}

SurveyedSegment* Newest(LogSurvey& survey) {
  const auto newest = std::find_if(survey.segments.rbegin(), survey.segments.rend(), IsReadable);
  return newest == survey.segments.rend() ? nullptr : &*newest;
}

// The same rule as in recovery: a newest segment without a sound frame was begun by a commit that a crash cut
// off, and counts as never used; the segment before still has the events that this commit copied. If disk
// errors may hide its frames, it counts as damaged.
void DropUnfinished(Directory& directory, uint64_t durable_end, LogSurvey& survey) {
  while (!survey.segments.empty() && survey.segments.back().readable) {
    SurveyedSegment& newest = survey.segments.back();
    const uint64_t first = newest.header.first_position;
    const SegmentEnd end = FindSegmentEnd(directory, newest, durable_end);
    if (end.position > first || durable_end > first) return;
    survey.end = std::max(survey.end, first);  // everything below was durable when it was begun
    if (end.met_faults) {
      newest.readable = false;
      newest.damage.push_back({"none of its frames can be read; how many events it has is not known",
                               kSegmentHeaderBytes, newest.read_bytes});
      return;
    }
    survey.unfinished.push_back(newest.name);
    survey.segments.pop_back();
  }
}

void FindEnd(Directory& directory, uint64_t durable_end, LogSurvey& survey) {
  SurveyedSegment* const newest = Newest(survey);
  if (newest == nullptr) return;
  const SegmentEnd end = FindSegmentEnd(directory, *newest, durable_end);
  survey.end = std::max(survey.end, end.position);
  newest->positions_end = survey.end;
  newest->torn_at = end.torn_at;
}

// As in recovery: without a checkpoint all existing events count as unsettled.
void FindSettled(LogSurvey& survey) {
  const SurveyedSegment* const oldest = Oldest(survey);
  if (survey.checkpoint.newest) {
    survey.settled = survey.checkpoint.newest->settled;
  } else if (oldest != nullptr) {
    survey.settled = SettledMap(oldest->header.first_position);
  }
}

void FindDamage(LogSurvey& survey) {
  if (!survey.checkpoint.exists && !survey.segments.empty()) survey.checkpoint.damage = "is missing";
  const SurveyedSegment* const oldest = Oldest(survey);
  const uint64_t from = survey.settled.Below();
  const uint64_t to = oldest != nullptr ? oldest->header.first_position : survey.end;
  if (survey.settled.Unsettled(from, to) > 0)
    survey.damage.push_back({"no segment holds them", 0, 0, from, to});
}

}  // namespace

base::Result<LogSurvey> SurveyLog(Directory& directory) {
  // The checkpoint is read before the files, because it says up to where their events must be complete, and
  // again after them, because it contains as settled the events of files that were removed meanwhile.
  const auto before = ViewCheckpoint(directory);
  if (!before) return std::unexpected(WalFault("can't read the checkpoint", before.error()));
  auto names = directory.List();
  if (!names) return std::unexpected(WalFault("can't list the folder", names.error()));
  std::ranges::sort(*names, std::greater());
  auto fronts = ReadFronts(directory, *names);
  if (!fronts) return std::unexpected(std::move(fronts.error()));
  auto after = ViewCheckpoint(directory);
  if (!after) return std::unexpected(WalFault("can't read the checkpoint", after.error()));

  LogSurvey survey;
  for (const std::string& name : *names) {
    if (name.ends_with(".tmp")) survey.unfinished.push_back(name);
    if (const auto number = SentNumber(name)) survey.sent.push_back(*number);
  }
  survey.checkpoint = std::move(*after);
  Sort(std::move(*fronts), survey);
  CountNumbers(survey);

  const std::optional<Checkpoint>& saved = before->newest;
  const uint64_t durable_end = saved ? saved->durable_end : 0;
  if (saved) survey.end = std::max(durable_end, saved->settled.End());
  DropUnfinished(directory, durable_end, survey);
  FindNeighbours(survey);
  FindEnd(directory, durable_end, survey);
  FindSettled(survey);
  FindDamage(survey);
  return survey;
}

}  // namespace ei::wal
