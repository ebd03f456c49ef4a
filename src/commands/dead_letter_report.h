#pragma once

#include <string>
#include <string_view>

#include "base/time.h"
#include "redrive/dead_letter_stats.h"
#include "redrive/redrive.h"

namespace ei::service {

// What dlq stats and redrive print of dead letters. What comes from dead letters is printed with its control
// bytes escaped.

std::string GroupTable(const DeadLetterStats& groups, base::WallTime now);
std::string GroupsAsJson(const DeadLetterStats& groups);

// Of a redrive that has ended. `dlq_topic` is where dead letters went that died again.
std::string RedriveSummary(const ei::Redrive::Counts& counts, base::Duration took,
                           std::string_view dlq_topic);

}  // namespace ei::service
