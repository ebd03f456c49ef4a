#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"
#include "redrive/dead_letter_filter.h"
#include "settings/load.h"

namespace ei::service {

// Options of `dlq stats` and `redrive` that are not settings.
struct DeadLetterOptions {
  // A point in time, or an age relative to now.
  using When = std::variant<base::WallTime, base::Duration>;

  bool from_file = false;
  std::string folder;  // empty: the folder of the settings
  std::vector<std::string> codes;
  std::vector<std::string> topics;
  std::vector<std::string> types;
  std::vector<std::string> ids;
  std::optional<When> since;
  std::optional<When> until;

  // Of redrive only.
  double rate = 0;  // dead letters a second; 0: no limit
  uint64_t redrives_max = 3;
  std::string job;  // empty: the name is derived from the scope
};

// Removes the options from `flags`, which otherwise hold settings, and returns them. Options of redrive only
// are faults unless `redrive`.
DeadLetterOptions ExtractDeadLetterOptions(std::vector<SettingFlag>& flags, bool redrive,
                                           std::vector<std::string>& faults);

DeadLetterFilter FilterOf(const DeadLetterOptions& options, base::WallTime now);

// The dead letters that a redrive is about. Its text is a line with the source, then a line KEY=VALUE for
// each option, sorted: the same options give the same text in whatever order they were given.
struct RedriveScope {
  std::string source;  // "topic events-dlq", "file var/dead-letters"
  DeadLetterFilter filter;
  uint64_t redrives_max = 0;
};
std::string ToText(const RedriveScope& scope);
std::optional<RedriveScope> ReadScope(std::string_view text);

// Prefix, and whole name, of the consumer group and transactional id of a redrive.
inline constexpr std::string_view kJobPrefix = "event-ingestor-redrive-";
std::string JobNameOf(const DeadLetterOptions& options, const RedriveScope& scope);

}  // namespace ei::service
