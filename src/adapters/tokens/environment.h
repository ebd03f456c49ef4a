#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ei::tokens {

// Returns the content of a small file without the line breaks at its end. `setting` names the file in
// messages.
using ReadFile = std::function<base::Result<std::string>(const std::string& path, std::string_view setting)>;

using Environment = std::function<std::optional<std::string>(std::string_view name)>;

}  // namespace ei::tokens
