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
  // Each claim that is text or a list of texts, with its values. All others are left out, so that none of
  // them can be taken for a text.
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
