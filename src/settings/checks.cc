#include "settings/checks.h"

#include <fmt/format.h>

#include "settings/auth_checks.h"
#include "settings/security_checks.h"
#include "settings/size_checks.h"
#include "settings/units.h"

namespace ei::service {

std::vector<SettingConflict> FindConflicts(const Settings& settings) {
  std::vector<SettingConflict> conflicts;
  FindSecurityConflicts(settings, conflicts);
  FindAuthConflicts(settings, conflicts);
  const http::HttpOptions& http = settings.http;

  if (http.admin_port && *http.admin_port != 0 && *http.admin_port == http.port) {
    conflicts.push_back(
        {"admin.port", "http.port",
         fmt::format("{} is also http.port; choose another port, or leave admin.port unset to have the "
                     "operational routes on http.port",
                     *http.admin_port)});
  }
  FindSizeConflicts(settings, conflicts);
  if (settings.ingest.ack < settings.ingest.ack_min) {
    conflicts.push_back(
        {"ingest.ack", "ingest.ack_min",
         fmt::format("{} promises less than ingest.ack_min ({}); raise ingest.ack or lower ingest.ack_min",
                     Name(settings.ingest.ack), Name(settings.ingest.ack_min))});
  }
  if (settings.sink == SinkKind::kKafka && http.ack_timeout < settings.workers.gather) {
    conflicts.push_back(
        {"ingest.ack_timeout", "kafka.linger",
         fmt::format("{} is less than kafka.linger ({}), so every request at level broker would "
                     "time out; raise ingest.ack_timeout or lower kafka.linger",
                     FormatDuration(http.ack_timeout), FormatDuration(settings.workers.gather))});
  }
  if (settings.kafka.dlq_topic == settings.kafka.topic) {
    conflicts.push_back({"kafka.dlq_topic", "kafka.topic",
                         fmt::format("\"{}\" is also kafka.topic; dead letters need a separate topic",
                                     settings.kafka.dlq_topic)});
  }
  return conflicts;
}

}  // namespace ei::service
