#include "commands/wal_verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "adapters/wal/log_survey.h"
#include "adapters/wal/segment_reader.h"
#include "commands/settings_commands.h"
#include "commands/wal_text.h"
#include "settings/humanize.h"
#include "settings/settings_fault.h"

namespace ei::service {

namespace {

using wal::CheckpointView;
using wal::LogDamage;
using wal::LogSurvey;
using wal::SurveyedSegment;

constexpr size_t kDamagesShown = 20;  // for each segment

// Counts the contents and the damage of one segment.
class Tally final : public wal::SegmentVisitor {
 public:
  explicit Tally(const wal::SettledMap& settled) : settled_(settled) {}

  void OnFrame(const wal::FrameHeader& frame, uint64_t end_byte) override {
    ++frames;
    end_position = frame.first_position + frame.events;
    used_bytes = end_byte;
  }
  bool OnEvent(const wal::LoggedEvent& event) override {
    ++events;
    if (!event.settled) ++unsettled;
    return true;
  }
  void OnDamage(const LogDamage& damage) override {
    if (damages++ < kDamagesShown) shown.push_back(damage);
    lost += settled_.Unsettled(damage.from_position, damage.to_position);
  }
  void OnMissing(uint64_t from, uint64_t to) override {
    missing.push_back({"no segment holds them", 0, 0, from, to});
    lost += settled_.Unsettled(from, to);
  }

  uint64_t frames = 0;
  uint64_t end_position = 0;
  uint64_t events = 0;
  uint64_t unsettled = 0;
  uint64_t lost = 0;  // unsettled, and can't be read
  uint64_t used_bytes = 0;
  uint64_t damages = 0;
  std::vector<LogDamage> shown;    // the first kDamagesShown
  std::vector<LogDamage> missing;  // between this segment and the next

 private:
  const wal::SettledMap& settled_;
};

class Verification {
 public:
  Verification(wal::Directory& directory, const LogSurvey& survey, std::ostream& out)
      : directory_(directory), survey_(survey), out_(out) {}

  void Run() {
    PrintHeadings();
    for (const LogDamage& damage : survey_.damage) {
      lost_ += survey_.settled.Unsettled(damage.from_position, damage.to_position);
      PrintMissing(damage);
    }
    for (const SurveyedSegment& segment : survey_.segments) {
      const Tally tally = Read(segment);
      events_ += tally.events;
      unsettled_ += tally.unsettled;
      lost_ += tally.lost;
      if (tally.damages > 0) ++damaged_files_;
      for (const LogDamage& missing : tally.missing) PrintMissing(missing);
    }
    for (const SurveyedSegment& segment : survey_.prepared) {
      out_ << fmt::format("{:<29} prepared\n", segment.name);
    }
    for (const std::string& name : survey_.unfinished)
      out_ << fmt::format("{:<29} unfinished\n", Printable(name));
    if (!survey_.set_aside.empty()) out_ << "\nquarantined earlier, no longer part of the log:\n";
    for (const SurveyedSegment& segment : survey_.set_aside) Read(segment);
    PrintCheckpoint();
  }

  int Conclude() const {
    const bool sound = damaged_files_ == 0 && gaps_ == 0 && survey_.checkpoint.damage.empty();
    out_ << (sound ? "\nsound: " : "\ndamaged: ") << CountText(events_, "event") << " in "
         << CountText(survey_.segments.size(), "segment") << ", " << unsettled_ << " unsettled";
    if (!sound) {
      out_ << "; " << CountText(damaged_files_, "damaged file") << ", " << CountText(lost_, "unsettled event")
           << " can't be read";
    }
    out_ << '\n';
    return sound ? kExitClean : kExitStorage;
  }

 private:
  void PrintHeadings() {
    out_ << fmt::format("{:<29} {:<21} {:>7} {:>9} {:>9} {:>11}\n", "file", "positions", "frames", "events",
                        "unsettled", "bytes used");
  }

  Tally Read(const SurveyedSegment& segment) {
    Tally tally(survey_.settled);
    if (ReadSegment(directory_, segment, survey_.settled, tally) == wal::SegmentRead::kGone) {
      out_ << fmt::format("{:<29} released meanwhile\n", segment.name);
      return Tally(survey_.settled);
    }
    const bool quarantined = segment.behind == SurveyedSegment::Behind::kAnything;
    std::string positions = "-";
    if (segment.readable) {
      const uint64_t first = segment.header.first_position;
      positions = RangeText(first, std::max(first, tally.end_position));
    }
    out_ << fmt::format("{:<29} {:<21} {:>7} {:>9} {:>9} {:>11}{}\n", segment.name, positions, tally.frames,
                        tally.events, quarantined ? 0 : tally.unsettled, tally.used_bytes,
                        tally.damages > 0 ? "  DAMAGED" : "");
    for (const LogDamage& damage : tally.shown) out_ << "  " << DamageText(damage) << '\n';
    if (tally.damages > tally.shown.size()) {
      out_ << "  and " << tally.damages - tally.shown.size() << " more\n";
    }
    if (segment.torn_at) {
      out_ << "  from byte " << *segment.torn_at
           << ": an unfinished commit, whose events were not acknowledged\n";
    }
    return tally;
  }

  void PrintMissing(const LogDamage& missing) {
    ++gaps_;
    out_ << fmt::format("{:<29} {:<21} MISSING: {}\n", "-",
                        RangeText(missing.from_position, missing.to_position), missing.what);
  }

  void PrintCheckpoint() const {
    const CheckpointView& checkpoint = survey_.checkpoint;
    out_ << "\ncheckpoint: ";
    if (!checkpoint.damage.empty()) {
      out_ << "DAMAGED: " << checkpoint.damage << "; all events count as unsettled\n";
    } else if (!checkpoint.newest) {
      out_ << "none yet\n";
    } else {
      out_ << fmt::format("generation {}, settled below {} and in {} above, durable below {}\n",
                          checkpoint.generation, checkpoint.newest->settled.Below(),
                          CountText(checkpoint.newest->settled.Runs().size(), "range"),
                          checkpoint.newest->durable_end);
    }
    for (const CheckpointView::Slot slot : checkpoint.slots) {
      if (slot != CheckpointView::Slot::kDamaged || !checkpoint.damage.empty()) continue;
      out_ << "  the slot of an older one is damaged, as a crash can leave it; the next one overwrites it\n";
    }
  }

  wal::Directory& directory_;
  const LogSurvey& survey_;
  std::ostream& out_;
  uint64_t events_ = 0;
  uint64_t unsettled_ = 0;
  uint64_t lost_ = 0;
  uint64_t damaged_files_ = 0;
  uint64_t gaps_ = 0;
};

}  // namespace

base::Result<int> VerifyWal(wal::Directory& directory, const std::string& folder, base::WallTime now,
                            std::ostream& out) {
  const auto survey = wal::SurveyLog(directory);
  if (!survey) return std::unexpected(survey.error());
  out << PrintableLong(folder) << " as of " << TimeText(now.time_since_epoch().count())
      << "; a running service may have changed it since\n\n";
  Verification verification(directory, *survey, out);
  verification.Run();
  return verification.Conclude();
}

}  // namespace ei::service
