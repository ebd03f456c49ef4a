#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ei::tokens {

// The content of a small file, without the line breaks at its end; `setting` names it in messages.
using ReadFile = std::function<base::Result<std::string>(const std::string& path, std::string_view setting)>;

using Environment = std::function<std::optional<std::string>(std::string_view name)>;

}  // namespace ei::tokens
