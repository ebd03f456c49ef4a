#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace ei::tokens {

// Returns the expiry of a JWT (RFC 7519, exp); nullopt for a token that is not a JWT with an expiry. Does not
// verify the token: the broker does that.
std::optional<base::WallTime> JwtExpiry(std::string_view token);

// Checks that a token can be sent: not empty, printable ASCII without spaces, at most 32 KiB.
base::Result<void> CheckToken(std::string_view token);

}  // namespace ei::tokens
