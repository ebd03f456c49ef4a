#pragma once

#include <cstddef>
#include <string_view>

namespace ei {

inline constexpr size_t kTraceparentBytes = 55;

// Returns true for a traceparent of version 00 (W3C Trace Context, section 3.2) with ids that are not all
// zero.
bool IsTraceparent(std::string_view value);

}  // namespace ei
