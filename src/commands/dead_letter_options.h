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

// What `dlq stats` and `redrive` are asked for beyond the settings.
struct DeadLetterOptions {
  // A moment, or so long ago.
  using When = std::variant<base::WallTime, base::Duration>;

  bool from_file = false;
  std::string folder;  // empty: the setting's
  std::vector<std::string> codes;
  std::vector<std::string> topics;
  std::vector<std::string> types;
  std::vector<std::string> ids;
  std::optional<When> since;
  std::optional<When> until;

  // redrive
  double rate = 0;  // dead letters a second; 0: no limit
  uint64_t redrives_max = 3;
  std::string job;  // empty: named by what is asked for
};

// Takes the flags that are options out of the others, which are settings. `redrive`: its own too.
DeadLetterOptions TakeDeadLetterOptions(std::vector<SettingFlag>& flags, bool redrive,
                                        std::vector<std::string>& faults);

DeadLetterFilter FilterOf(const DeadLetterOptions& options, base::WallTime now);

// What names a redrive: the dead letters that it is about. As text it is a line KEY=VALUE for each thing
// asked for after one that names the source; equal for the same things, in whatever order they were asked
// for.
struct RedriveScope {
  std::string source;  // "topic events-dlq", "file var/dead-letters"
  DeadLetterFilter filter;
  uint64_t redrives_max = 0;
};
std::string ToText(const RedriveScope& scope);
std::optional<RedriveScope> ReadScope(std::string_view text);

// The consumer group and transactional id of a redrive.
inline constexpr std::string_view kJobPrefix = "event-ingestor-redrive-";
std::string JobNameOf(const DeadLetterOptions& options, const RedriveScope& scope);

}  // namespace ei::service
