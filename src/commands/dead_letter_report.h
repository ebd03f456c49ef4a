#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "redrive/dead_letter_stats.h"
#include "redrive/redrive.h"

namespace ei::service {

// The output of dlq stats and redrive. Control bytes in text from dead letters are escaped.

std::string GroupTable(const DeadLetterStats& groups, base::WallTime now);
std::string GroupsAsJson(const DeadLetterStats& groups);

// Summary of a redrive that has ended. `dlq_topic` is the topic to which dead letters went that were rejected
// again.
std::string RedriveSummary(const ei::Redrive::Counts& counts, base::Duration took,
                           std::string_view dlq_topic);

}  // namespace ei::service
