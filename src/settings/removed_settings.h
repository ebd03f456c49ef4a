#pragma once

#include <span>
#include <string_view>

namespace ei::service {

// A setting that an earlier release had. For one release it may still be given: its value is not read, it has
// no effect, and a warning says what to do instead.
struct RemovedSetting {
  std::string_view key;
  std::string_view env;
  std::string_view instead;  // for the operator: what replaces it
};

std::span<const RemovedSetting> RemovedSettings();

}  // namespace ei::service
