#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.h"
#include "settings/load.h"

namespace ei::service {

// Options of the commands `clients ...` that are not settings.
struct ClientsOptions {
  std::string file;    // empty: not given
  std::string client;  // the word after the command: a client's name, or the id of a key; empty: none
  std::optional<std::variant<base::WallTime, base::Duration>> expires;  // add, rotate: a time, or from now
  base::Duration grace = std::chrono::hours(24);                        // rotate
};

// Removes the options from `flags`, which otherwise hold settings, and returns them. `add` and `rotate` say
// which command it is; options of others are faults.
ClientsOptions ExtractClientsOptions(std::vector<SettingFlag>& flags, bool add, bool rotate,
                                     std::vector<std::string>& faults);

// The time at which a new key expires; nullopt: never.
std::optional<base::WallTime> ExpiryOf(const ClientsOptions& options, base::WallTime now);

}  // namespace ei::service
