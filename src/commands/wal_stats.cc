#include "commands/wal_stats.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "adapters/wal/log_survey.h"
#include "adapters/wal/segment_reader.h"
#include "commands/settings_commands.h"
#include "commands/wal_text.h"
#include "settings/humanize.h"

namespace ei::service {

namespace {

using wal::SurveyedSegment;

class Backlog final : public wal::SegmentVisitor {
 public:
  explicit Backlog(const wal::SettledMap& settled) : settled_(settled) {}

  void OnFrame(const wal::FrameHeader&, uint64_t) override {}
  bool OnEvent(const wal::LoggedEvent& event) override {
    if (event.settled) return true;
    if (events++ == 0) {
      oldest_accepted_at = event.accepted_at;
      oldest_position = event.position;
    }
    bytes += event.bytes.size();
    return true;
  }
  void OnDamage(const wal::LogDamage& damage) override {
    OnMissing(damage.from_position, damage.to_position);
  }
  void OnMissing(uint64_t from, uint64_t to) override { unreadable += settled_.Unsettled(from, to); }

  uint64_t events = 0;
  uint64_t bytes = 0;
  uint64_t unreadable = 0;
  int64_t oldest_accepted_at = 0;
  uint64_t oldest_position = 0;

 private:
  const wal::SettledMap& settled_;
};

struct WalStats {
  Backlog backlog;
  uint64_t used = 0;
  uint64_t prepared = 0;
  uint64_t quarantined = 0;
  uint64_t disk_bytes = 0;
  uint64_t quarantined_bytes = 0;
  std::optional<uint64_t> generation = std::nullopt;
  std::optional<base::Duration> checkpoint_age = std::nullopt;
};

uint64_t BytesOf(const std::vector<SurveyedSegment>& segments) {
  uint64_t bytes = 0;
  for (const SurveyedSegment& segment : segments) bytes += segment.file_bytes;
  return bytes;
}

// Time since the checkpoint file was written.
std::optional<base::Duration> CheckpointAge(const std::string& folder, base::WallTime now) {
  struct stat status = {};
  if (::lstat((folder + '/' + wal::kCheckpointName).c_str(), &status) != 0) return std::nullopt;
  const auto written = std::chrono::seconds(status.st_mtim.tv_sec) + base::Duration(status.st_mtim.tv_nsec);
  return std::max(now.time_since_epoch() - written, base::Duration(0));
}

std::string ForPeople(const WalStats& stats, base::WallTime now) {
  const Backlog& backlog = stats.backlog;
  std::string text =
      fmt::format("backlog     {}, {}\n", CountText(backlog.events, "event"), BytesText(backlog.bytes));
  if (backlog.events > 0) {
    const base::Duration accepted(std::max<int64_t>(backlog.oldest_accepted_at, 0));
    text +=
        fmt::format("oldest      accepted at {}, {} ago, position {}\n", TimeText(backlog.oldest_accepted_at),
                    AgeText(now.time_since_epoch() - accepted), backlog.oldest_position);
  }
  if (backlog.unreadable > 0) {
    text += fmt::format("damaged     {} can't be read; `event-ingestor wal verify` says where\n",
                        CountText(backlog.unreadable, "unsettled event"));
  }
  text += fmt::format("segments    {} used, {} prepared, {} quarantined\n", stats.used, stats.prepared,
                      stats.quarantined);
  text += fmt::format("disk        {}, of which {} quarantined\n", BytesText(stats.disk_bytes),
                      BytesText(stats.quarantined_bytes));
  text += "checkpoint  ";
  if (!stats.generation) return text += "none\n";
  return text += fmt::format("generation {}, saved {} ago\n", *stats.generation,
                             AgeText(stats.checkpoint_age.value_or(base::Duration(0))));
}

std::string ForMachines(const WalStats& stats) {
  const Backlog& backlog = stats.backlog;
  const bool any = backlog.events > 0;
  const bool saved = stats.generation && stats.checkpoint_age;
  std::string text = fmt::format(R"({{"events":{},"bytes":{},"unreadable_events":{})", backlog.events,
                                 backlog.bytes, backlog.unreadable);
  text += any ? fmt::format(R"(,"oldest_accepted_at":"{}","oldest_position":{})",
                            TimeText(backlog.oldest_accepted_at), backlog.oldest_position)
              : R"(,"oldest_accepted_at":null,"oldest_position":null)";
  text += fmt::format(R"(,"segments_used":{},"segments_prepared":{},"segments_set_aside":{})", stats.used,
                      stats.prepared, stats.quarantined);
  text += fmt::format(R"(,"disk_bytes":{},"set_aside_bytes":{})", stats.disk_bytes, stats.quarantined_bytes);
  text += saved ? fmt::format(R"(,"checkpoint_generation":{},"checkpoint_age_seconds":{:.3f})",
                              *stats.generation, std::chrono::duration<double>(*stats.checkpoint_age).count())
                : R"(,"checkpoint_generation":null,"checkpoint_age_seconds":null)";
  return text += "}\n";
}

}  // namespace

base::Result<int> PrintWalStats(wal::Directory& directory, const std::string& folder, base::WallTime now,
                                bool json, std::ostream& out) {
  const auto survey = wal::SurveyLog(directory);
  if (!survey) return std::unexpected(survey.error());
  WalStats stats{.backlog = Backlog(survey->settled)};
  for (const wal::LogDamage& damage : survey->damage) stats.backlog.OnDamage(damage);
  for (const SurveyedSegment& segment : survey->segments) {
    if (!segment.readable) continue;
    const uint64_t first = segment.header.first_position;
    if (survey->settled.Unsettled(first, segment.positions_end) == 0) continue;
    ReadSegment(directory, segment, survey->settled, stats.backlog);
  }
  stats.used = survey->segments.size();
  stats.prepared = survey->prepared.size();
  stats.quarantined = survey->set_aside.size();
  stats.quarantined_bytes = BytesOf(survey->set_aside);
  stats.disk_bytes = BytesOf(survey->segments) + BytesOf(survey->prepared) + stats.quarantined_bytes;
  if (survey->checkpoint.newest) {
    stats.generation = survey->checkpoint.generation;
    stats.checkpoint_age = CheckpointAge(folder, now);
  }
  out << (json ? ForMachines(stats) : ForPeople(stats, now));
  return kExitClean;
}

}  // namespace ei::service
