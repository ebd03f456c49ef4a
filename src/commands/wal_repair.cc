#include "commands/wal_repair.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "adapters/wal/log_repair.h"
#include "commands/settings_commands.h"
#include "commands/wal_text.h"
#include "settings/humanize.h"
#include "settings/settings_fault.h"

namespace ei::service {

namespace {

uint64_t RandomSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

void PrintPlan(const wal::RepairPlan& plan, std::ostream& out) {
  const wal::LogSurvey& survey = plan.survey;
  const bool moves = std::ranges::any_of(plan.damaged, [](const auto& one) { return one.readable > 0; });
  for (const std::string& name : survey.unfinished) {
    out << "would remove     " << Printable(name) << " (unfinished)\n";
  }
  for (const wal::SurveyedSegment& prepared : survey.prepared) {
    if (moves) out << "would remove     " << prepared.name << " (prepared; a start prepares another)\n";
  }
  for (const wal::DamagedSegment& damaged : plan.damaged) {
    if (damaged.readable == 0) continue;
    out << fmt::format("would move       {} from {} to the log's end\n", CountText(damaged.readable, "event"),
                       damaged.segment.name);
  }
  if (survey.checkpoint.exists && !survey.checkpoint.damage.empty()) {
    out << "would quarantine checkpoint\n";
  }
  out << "would save       a new checkpoint\n";
  for (const wal::DamagedSegment& damaged : plan.damaged) {
    out << "would quarantine " << damaged.segment.name << '\n';
  }
}

void PrintOutcome(const wal::RepairOutcome& outcome, std::ostream& out) {
  for (const std::string& name : outcome.removed) {
    out << "removed      " << Printable(name) << '\n';
  }
  for (const wal::MovedEvents& moved : outcome.moved) {
    out << fmt::format("moved        {} from {} to {}, positions {}\n", CountText(moved.events, "event"),
                       moved.from, moved.to,
                       RangeText(moved.first_position, moved.first_position + moved.events));
  }
  out << "saved        a new checkpoint\n";
  for (const auto& [from, to] : outcome.renamed) {
    out << "quarantined  " << Printable(from) << " as " << Printable(to) << '\n';
  }
}

void PrintLost(std::string_view heading, const wal::RepairPlan& plan, std::ostream& out) {
  out << heading << CountText(plan.lost_events, "event");
  const char* separator = ": positions ";
  for (const auto& [from, end] : plan.lost) {
    out << separator << RangeText(from, end);
    separator = ", ";
  }
  out << '\n';
  const auto& segments = plan.survey.segments;
  if (!segments.empty() && !segments.back().readable) {
    out << segments.back().name
        << ", the newest segment, can't be read at all, so the number of its events is not known.\n";
  }
  const wal::CheckpointView& checkpoint = plan.survey.checkpoint;
  if (!checkpoint.damage.empty()) {
    out << "The checkpoint " << checkpoint.damage
        << ", so all events count as unsettled: those that were delivered will be delivered again.\n";
  }
}

}  // namespace

base::Result<int> RepairWal(wal::Directory& directory, bool dry_run, std::ostream& out) {
  const auto plan = wal::PlanRepair(directory);
  if (!plan) return std::unexpected(plan.error());
  if (dry_run) {
    PrintPlan(*plan, out);
    PrintLost("would be lost    ", *plan, out);
    return kExitClean;
  }
  const auto outcome = wal::Repair(directory, *plan, RandomSeed());
  if (!outcome) return std::unexpected(outcome.error());
  PrintOutcome(*outcome, out);
  PrintLost("lost         ", *plan, out);
  if (!outcome->moved.empty()) {
    out << "Moved events keep their order and are delivered after those that were not moved.\n";
  }
  if (!plan->damaged.empty()) {
    out << "Quarantined files count towards wal.bytes_max: examine them, then move them away or delete "
           "them.\n";
  }
  return kExitClean;
}

}  // namespace ei::service
