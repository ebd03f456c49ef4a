#include "adapters/wal/log_repair.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include "adapters/wal/event_mover.h"
#include "adapters/wal/log_limits.h"
#include "adapters/wal/read_write.h"
#include "adapters/wal/recovery.h"
#include "adapters/wal/segment_files.h"
#include "adapters/wal/segment_reader.h"
#include "event/uuid_v7.h"

namespace ei::wal {

namespace {

// Appends the unsettled positions of a range, and joins adjacent ranges.
void AddUnsettled(const SettledMap& settled, uint64_t from, uint64_t to, std::vector<PositionRange>& ranges) {
  from = std::max(from, settled.Below());
  const auto add = [&](uint64_t end) {
    if (from >= end) return;
    if (!ranges.empty() && ranges.back().second == from) {
      ranges.back().second = end;
    } else {
      ranges.emplace_back(from, end);
    }
  };
  auto run = settled.Runs().upper_bound(from);
  if (run != settled.Runs().begin()) --run;
  for (; run != settled.Runs().end() && run->first < to; ++run) {
    add(std::min(run->first, to));
    from = std::max(from, run->second);
  }
  add(to);
}

class Planner final : public SegmentVisitor {
 public:
  explicit Planner(RepairPlan& plan) : plan_(plan) {}

  void Begin() {
    readable_ = 0;
    damaged_ = false;
  }
  bool IsDamaged() const { return damaged_; }
  uint64_t Readable() const { return readable_; }

  void OnFrame(const FrameHeader&, uint64_t) override {}
  bool OnEvent(const LoggedEvent& event) override {
    if (!event.settled) ++readable_;
    return true;
  }
  void OnDamage(const LogDamage& damage) override {
    damaged_ = true;
    OnMissing(damage.from_position, damage.to_position);
  }
  void OnMissing(uint64_t from, uint64_t to) override {
    plan_.lost_events += plan_.survey.settled.Unsettled(from, to);
    AddUnsettled(plan_.survey.settled, from, to, plan_.lost);
  }

 private:
  RepairPlan& plan_;
  uint64_t readable_ = 0;
  bool damaged_ = false;
};

class Repairer {
 public:
  Repairer(Directory& directory, const RepairPlan& plan, uint64_t seed)
      : directory_(directory),
        plan_(plan),
        salts_(seed),
        next_segment_(plan.survey.next_segment),
        end_(plan.survey.end) {
    NameDamaged();
  }

  base::Result<RepairOutcome> Run() {
    for (const auto step : {&Repairer::RemoveUnfinished, &Repairer::MoveEvents, &Repairer::SaveCheckpoint,
                            &Repairer::Quarantine}) {
      if (auto done = (this->*step)(); !done) return std::unexpected(std::move(done.error()));
    }
    return std::move(outcome_);
  }

 private:
  void NameDamaged();
  base::Result<void> RemoveUnfinished();
  base::Result<void> MoveEvents();
  base::Result<void> Move(const DamagedSegment& damaged);
  base::Result<void> SaveCheckpoint();
  base::Result<void> Quarantine();
  base::Result<void> Remove(const std::string& name);
  base::Result<void> Rename(const std::string& from, const std::string& to);
  base::Result<void> SyncNames();
  base::Result<void> SyncNewest();

  Directory& directory_;
  const RepairPlan& plan_;
  UuidV7Generator salts_;
  uint64_t next_segment_;
  uint64_t end_;
  std::vector<std::string> damaged_names_;  // by plan_.damaged
  RepairOutcome outcome_;
};

base::Result<void> Check(const DiskResult<void>& done, const std::string& what) {
  if (!done) return std::unexpected(WalFault(what, done.error()));
  return {};
}

base::Result<void> Repairer::Remove(const std::string& name) {
  if (auto removed = Check(directory_.Remove(name), "can't remove " + name); !removed) return removed;
  outcome_.removed.push_back(name);
  return {};
}

base::Result<void> Repairer::Rename(const std::string& from, const std::string& to) {
  if (auto renamed = Check(directory_.Rename(from, to), "can't rename " + from); !renamed) return renamed;
  outcome_.renamed.emplace_back(from, to);
  return {};
}

base::Result<void> Repairer::SyncNames() { return Check(directory_.Sync(), "can't sync the folder"); }

// A quarantined segment keeps its number, unless an already quarantined file has it.
void Repairer::NameDamaged() {
  std::set<std::string> taken;
  for (const SurveyedSegment& segment : plan_.survey.set_aside) taken.insert(segment.name);
  for (const DamagedSegment& damaged : plan_.damaged) {
    std::string name = DamagedName(damaged.segment.number);
    if (taken.contains(name)) name = DamagedName(next_segment_++);
    damaged_names_.push_back(std::move(name));
  }
}

// If events will be moved, prepared segments are removed too: their numbers are lower than those of the new
// segments, so a start would treat them as damaged. A start prepares others.
base::Result<void> Repairer::RemoveUnfinished() {
  for (const std::string& name : plan_.survey.unfinished) {
    const auto file = directory_.Open(name);
    const bool no_file = !file && file.error() == EINVAL;
    if (auto gone = no_file ? Rename(name, name + ".damaged") : Remove(name); !gone) return gone;
  }
  FoundSent sent;
  sent.files = sent.unreliable = plan_.survey.sent;
  if (auto gone = Check(RemoveSent(directory_, sent), "can't remove the notes"); !gone) return gone;
  for (const uint64_t number : sent.files) outcome_.removed.push_back(SentName(number));
  const bool moves = std::ranges::any_of(plan_.damaged, [](const auto& one) { return one.readable > 0; });
  for (const SurveyedSegment& prepared : plan_.survey.prepared) {
    if (!moves) break;
    if (auto removed = Remove(prepared.name); !removed) return removed;
  }
  return SyncNames();
}

base::Result<void> Repairer::MoveEvents() {
  for (const DamagedSegment& damaged : plan_.damaged) {
    if (damaged.readable == 0) continue;
    if (auto moved = Move(damaged); !moved) {
      static_cast<void>(directory_.Remove(kUnfinishedSegmentName));  // frees the space on a full disk
      return moved;
    }
  }
  return {};
}

// The segment gets its name only when it is complete. After a crash before that it is an unfinished file.
base::Result<void> Repairer::Move(const DamagedSegment& damaged) {
  const SurveyedSegment& old = damaged.segment;
  if (end_ > kPositionsMax - damaged.readable || next_segment_ >= kSegmentNumbersMax) {
    return base::Fail(base::ErrorKind::kStorage,
                      "wal.dir (WAL_DIR): the log has no unused numbers left, so nothing can be moved to its "
                      "end; use another folder for the service");
  }
  SegmentHeader header{.number = next_segment_++, .first_position = end_, .salt = salts_.NextRandom()};
  header.segment_bytes = (old.read_bytes + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
  const std::string name = SegmentName(header.number);
  const std::string what = "can't move the events of " + old.name;

  auto file = directory_.Create(kUnfinishedSegmentName);
  if (!file) return std::unexpected(WalFault(what, file.error()));
  if (auto filled = FillWithZeros(**file, 0, header.segment_bytes); !filled) return Check(filled, what);
  EventMover mover(**file, header);
  ReadSegment(directory_, old, plan_.survey.settled, mover);
  if (auto written = mover.Finish(); !written) return Check(written, what);
  if (mover.Events() != damaged.readable) {
    return std::unexpected(WalFault(what + ": its content differs from the first read", EIO));
  }
  if (auto named = Check(directory_.Rename(kUnfinishedSegmentName, name), what); !named) return named;
  outcome_.moved.push_back({old.name, name, mover.Events(), end_});
  end_ += mover.Events();
  return SyncNames();
}

// The checkpoint will state that the log is durable up to its end. After a crash of the process only, bytes
// that can be read may not be on the disk yet, so the newest segment is synced first.
base::Result<void> Repairer::SyncNewest() {
  const auto& segments = plan_.survey.segments;
  const auto newest =
      std::find_if(segments.rbegin(), segments.rend(), [](const auto& one) { return one.readable; });
  if (newest == segments.rend()) return {};
  const auto file = directory_.Open(newest->name);
  return Check(file ? (*file)->Sync() : std::unexpected(file.error()), "can't sync " + newest->name);
}

base::Result<void> Repairer::SaveCheckpoint() {
  if (auto synced = SyncNewest(); !synced) return synced;
  const CheckpointView& before = plan_.survey.checkpoint;
  if (before.exists && !before.damage.empty()) {
    const std::string quarantined = kCheckpointName + ("." + DamagedName(next_segment_++));
    if (auto renamed = Rename(kCheckpointName, quarantined); !renamed) return renamed;
  }
  Checkpoint checkpoint{.durable_end = end_, .next_segment = next_segment_, .settled = plan_.survey.settled};
  for (const DamagedSegment& damaged : plan_.damaged) {
    const SurveyedSegment& old = damaged.segment;
    if (old.readable) checkpoint.settled.Mark(old.header.first_position, old.positions_end);
  }
  for (const auto& [from, to] : plan_.lost) checkpoint.settled.Mark(from, to);

  const auto file = CheckpointFile::Renew(directory_, checkpoint);
  if (!file) return std::unexpected(WalFault("can't save the checkpoint", file.error()));
  return SyncNames();
}

base::Result<void> Repairer::Quarantine() {
  for (size_t i = 0; i < plan_.damaged.size(); ++i) {
    const std::string& name = plan_.damaged[i].segment.name;
    if (auto renamed = Rename(name, damaged_names_[i]); !renamed) return renamed;
  }
  return SyncNames();
}

}  // namespace

base::Result<RepairPlan> PlanRepair(Directory& directory) {
  auto survey = SurveyLog(directory);
  if (!survey) return std::unexpected(std::move(survey.error()));
  RepairPlan plan;
  plan.survey = std::move(*survey);
  Planner planner(plan);
  for (const LogDamage& damage : plan.survey.damage) planner.OnDamage(damage);
  for (const SurveyedSegment& segment : plan.survey.segments) {
    planner.Begin();
    ReadSegment(directory, segment, plan.survey.settled, planner);
    if (planner.IsDamaged()) plan.damaged.push_back({segment, planner.Readable()});
  }
  return plan;
}

base::Result<RepairOutcome> Repair(Directory& directory, const RepairPlan& plan, uint64_t seed) {
  return Repairer(directory, plan, seed).Run();
}

}  // namespace ei::wal
