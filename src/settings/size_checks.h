#pragma once

#include <vector>

#include "settings/checks.h"

namespace ei::service {

// Adds the conflicts between bounds of sizes and numbers. Without such conflicts, an idle service accepts
// every request within http.header_bytes_max, ingest.body_bytes_max, batch_events_max and event_bytes_max,
// for any content of its events.
void FindSizeConflicts(const Settings& settings, std::vector<SettingConflict>& conflicts);

}  // namespace ei::service
