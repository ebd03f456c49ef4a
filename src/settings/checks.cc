#include "settings/checks.h"

#include <fmt/format.h>

#include "settings/auth_checks.h"
#include "settings/security_checks.h"
#include "settings/size_checks.h"
#include "settings/units.h"

namespace ei::service {

std::vector<SettingConflict> FindConflicts(const Settings& settings) {
  std::vector<SettingConflict> conflicts;
  FindSecurityConflicts(settings.kafka_security, conflicts);
  FindAuthConflicts(settings, conflicts);
  const IngestSettings& ingest = settings.ingest;

  if (settings.admin.port && *settings.admin.port != 0 && *settings.admin.port == settings.http.port) {
    conflicts.push_back(
        {"admin.port", "http.port",
         fmt::format("{} is also http.port; choose another port, or leave admin.port unset to have the "
                     "operational routes on http.port",
                     *settings.admin.port)});
  }
  FindSizeConflicts(settings, conflicts);
  if (ingest.ack < ingest.ack_min) {
    conflicts.push_back(
        {"ingest.ack", "ingest.ack_min",
         fmt::format("{} promises less than ingest.ack_min ({}); raise ingest.ack or lower ingest.ack_min",
                     Name(ingest.ack), Name(ingest.ack_min))});
  }
  if (settings.sink.kind == SinkKind::kKafka && ingest.ack_timeout < settings.kafka.linger) {
    conflicts.push_back(
        {"ingest.ack_timeout", "kafka.linger",
         fmt::format("{} is less than kafka.linger ({}), so every request at level broker would "
                     "time out; raise ingest.ack_timeout or lower kafka.linger",
                     FormatDuration(ingest.ack_timeout), FormatDuration(settings.kafka.linger))});
  }
  if (settings.kafka.dlq_topic == settings.kafka.topic) {
    conflicts.push_back({"kafka.dlq_topic", "kafka.topic",
                         fmt::format("\"{}\" is also kafka.topic; dead letters need a separate topic",
                                     settings.kafka.dlq_topic)});
  }
  return conflicts;
}

}  // namespace ei::service
