#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace ei::tokens {

// When a JWT says that it expires (RFC 7519, exp); nullopt for anything else. Nothing of it is verified: that
// is the broker's business.
std::optional<base::WallTime> JwtExpiry(std::string_view token);

// Whether a token can be sent at all: not empty, printable ASCII, at most 32 KiB.
base::Result<void> CheckToken(std::string_view token);

}  // namespace ei::tokens
