#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ei {

// The reference tokens of a JSON Pointer (RFC 6901), with ~0 and ~1 decoded; nullopt when `pointer` isn't
// one. The empty pointer has no tokens.
std::optional<std::vector<std::string>> ParseJsonPointer(std::string_view pointer);

}  // namespace ei
