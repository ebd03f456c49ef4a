#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/auth/jwks_source.h"
#include "adapters/auth/token_verifier.h"
#include "base/time.h"

namespace ei::auth {

inline constexpr size_t kTokenBytesMax = 16 * 1024;
inline constexpr size_t kTokenClaimsMax = 200;
inline constexpr size_t kTokenClaimValuesMax = 1000;  // of all claims together

// Verifies signed JWTs (RFC 7519) in the compact form, as RFC 8725 advises: the algorithm has to be one of
// JwtAlgorithm and to fit the issuer's key, which is chosen by nothing but the token's kid; nothing is
// fetched because a token asks for it.
//
// A token is refused if it has no expiry, is for another issuer or audience, is of another type than JWT or
// at+jwt, has a critical extension, or is bound to a key of its sender (cnf), because that isn't checked.
class JwtVerifier final : public TokenVerifier {
 public:
  struct Options {
    std::vector<std::string> issuers;    // "iss" has to be one of these
    std::vector<std::string> audiences;  // "aud" has to have one of these
    // How far the clocks of the issuer and of this machine may differ.
    base::Duration leeway = std::chrono::seconds(60);
  };

  // The source must outlive this object.
  JwtVerifier(Options options, JwksSource& source) : options_(std::move(options)), source_(source) {}

  std::expected<VerifiedToken, AuthFault> Verify(std::string_view token, base::WallTime now) const override;
  uint64_t Version() const override { return source_.Version(); }

 private:
  std::expected<VerifiedToken, AuthFault> CheckClaims(std::string_view payload, base::WallTime now) const;

  const Options options_;
  JwksSource& source_;
};

}  // namespace ei::auth
