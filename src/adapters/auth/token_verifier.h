#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "clients/authenticator.h"

namespace ei::auth {

// A token whose signature, issuer, audience and times are valid.
struct VerifiedToken {
  // Each claim with its values; those that are not text have their JSON text.
  std::vector<std::pair<std::string, std::vector<std::string>>> claims;
  base::WallTime expires_at;  // with the leeway
};

// Verifies tokens. Thread-safe.
class TokenVerifier {
 public:
  virtual ~TokenVerifier() = default;

  virtual std::expected<VerifiedToken, AuthFault> Verify(std::string_view token,
                                                         base::WallTime now) const = 0;

  // Increases when the keys of the issuer change, so that tokens have to be verified again. Cheap.
  virtual uint64_t Version() const = 0;
};

}  // namespace ei::auth
