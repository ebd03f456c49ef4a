#include "main/settings_checks.h"

#include <fmt/format.h>

#include "main/settings_security_checks.h"
#include "main/units.h"

namespace ei::service {

std::vector<SettingConflict> FindConflicts(const Settings& settings) {
  std::vector<SettingConflict> conflicts;
  FindSecurityConflicts(settings.kafka_security, conflicts);
  const IngestSettings& ingest = settings.ingest;

  if (settings.admin.port && *settings.admin.port != 0 && *settings.admin.port == settings.http.port) {
    conflicts.push_back(
        {"admin.port", "http.port",
         fmt::format("{} is also http.port; take another port, or leave admin.port unset to have the "
                     "operational routes on http.port",
                     *settings.admin.port)});
  }
  if (ingest.body_bytes_max < ingest.event_bytes_max) {
    conflicts.push_back(
        {"ingest.body_bytes_max", "ingest.event_bytes_max",
         fmt::format("{} is less than ingest.event_bytes_max ({}), so the largest event would not fit "
                     "into a request; raise the one or lower the other",
                     FormatBytes(ingest.body_bytes_max), FormatBytes(ingest.event_bytes_max))});
  }
  if (settings.http.inflight_bytes_max < ingest.body_bytes_max) {
    conflicts.push_back(
        {"http.inflight_bytes_max", "ingest.body_bytes_max",
         fmt::format("{} is less than ingest.body_bytes_max ({}), so the largest body would never be "
                     "let in; raise the one or lower the other",
                     FormatBytes(settings.http.inflight_bytes_max), FormatBytes(ingest.body_bytes_max))});
  }
  // The range of event_bytes_max keeps the product far below 2^64.
  if (settings.journal.bytes_max < 2 * ingest.event_bytes_max) {
    conflicts.push_back(
        {"journal.bytes_max", "ingest.event_bytes_max",
         fmt::format("{} is less than twice ingest.event_bytes_max ({}), so one large event could fill "
                     "the journal; raise the one or lower the other",
                     FormatBytes(settings.journal.bytes_max), FormatBytes(ingest.event_bytes_max))});
  }
  if (ingest.ack < ingest.ack_min) {
    conflicts.push_back(
        {"ingest.ack", "ingest.ack_min",
         fmt::format("{} promises less than ingest.ack_min ({}); raise the one or lower the other",
                     Name(ingest.ack), Name(ingest.ack_min))});
  }
  if (JournalIsWal(settings)) {
    const WalSettings& wal = settings.wal;
    if (wal.segment_bytes < 2 * ingest.body_bytes_max) {
      conflicts.push_back(
          {"wal.segment_bytes", "ingest.body_bytes_max",
           fmt::format("{} is less than twice ingest.body_bytes_max ({}), so the events of the largest body "
                       "might not fit into one file of the log; raise the one or lower the other",
                       FormatBytes(wal.segment_bytes), FormatBytes(ingest.body_bytes_max))});
    }
    if (wal.bytes_max < 2 * wal.segment_bytes) {
      conflicts.push_back(
          {"wal.bytes_max", "wal.segment_bytes",
           fmt::format("{} is less than twice wal.segment_bytes ({}), so the log would be full before it "
                       "could give any disk back; raise the one or lower the other",
                       FormatBytes(wal.bytes_max), FormatBytes(wal.segment_bytes))});
    }
  }
  if (settings.dead_letter.bytes_max < 4 * ingest.event_bytes_max) {
    conflicts.push_back(
        {"dead_letter.bytes_max", "ingest.event_bytes_max",
         fmt::format(
             "{} is less than four times ingest.event_bytes_max ({}), so a line of the largest event, "
             "with its key and perhaps in base 64, might not fit; raise the one or lower the other",
             FormatBytes(settings.dead_letter.bytes_max), FormatBytes(ingest.event_bytes_max))});
  }
  if (settings.kafka.dlq_topic == settings.kafka.topic) {
    conflicts.push_back({"kafka.dlq_topic", "kafka.topic",
                         fmt::format("\"{}\" is also kafka.topic; dead letters need a topic of their own",
                                     settings.kafka.dlq_topic)});
  }
  if (settings.delivery.inflight_events_max < settings.delivery.workers) {
    conflicts.push_back(
        {"delivery.inflight_events_max", "delivery.workers",
         fmt::format("{} is less than delivery.workers ({}), so some workers could send nothing; raise "
                     "the one or lower the other",
                     settings.delivery.inflight_events_max, settings.delivery.workers)});
  }
  return conflicts;
}

}  // namespace ei::service
