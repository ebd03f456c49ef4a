#pragma once

#include <vector>

#include "settings/checks.h"

namespace ei::service {

// Bounds of sizes and numbers that can't work together: with those that pass, an idle service accepts every
// request that is within http.header_bytes_max, ingest.body_bytes_max, batch_events_max and event_bytes_max,
// whatever its events look like.
void FindSizeConflicts(const Settings& settings, std::vector<SettingConflict>& conflicts);

}  // namespace ei::service
