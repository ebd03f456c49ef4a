#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ei {

// Returns the reference tokens of a JSON Pointer (RFC 6901), with ~0 and ~1 decoded, or nullopt if `pointer`
// is not a JSON Pointer. The empty pointer has no tokens.
std::optional<std::vector<std::string>> ParseJsonPointer(std::string_view pointer);

}  // namespace ei
