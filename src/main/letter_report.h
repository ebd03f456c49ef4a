#pragma once

#include <string>
#include <string_view>

#include "app/letter_groups.h"
#include "app/redrive.h"
#include "base/time.h"

namespace ei::service {

// What dlq stats and redrive print of dead letters. What comes from letters is printed with its control bytes
// escaped.

std::string GroupTable(const app::LetterGroups& groups, base::WallTime now);
std::string GroupsAsJson(const app::LetterGroups& groups);

// Of a redrive that has ended. `dlq_topic` is where letters went that died again.
std::string RedriveSummary(const app::Redrive::Counts& counts, base::Duration took,
                           std::string_view dlq_topic);

}  // namespace ei::service
