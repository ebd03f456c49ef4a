#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ei::auth {

// The signature algorithms of tokens that are accepted (RFC 7518, section 3.1; RFC 8037). All are asymmetric:
// with a symmetric one, whoever knows the issuer's public key could sign.
enum class JwtAlgorithm : uint8_t { kRs256, kPs256, kEs256, kEdDsa };

// The algorithm of a header's or a key's "alg"; nullopt for all others. Names are case-sensitive.
constexpr std::optional<JwtAlgorithm> JwtAlgorithmOf(std::string_view name) {
  if (name == "RS256") return JwtAlgorithm::kRs256;
  if (name == "PS256") return JwtAlgorithm::kPs256;
  if (name == "ES256") return JwtAlgorithm::kEs256;
  // RFC 9864 replaces the first name, which leaves the curve open, by the second.
  if (name == "EdDSA" || name == "Ed25519") return JwtAlgorithm::kEdDsa;
  return std::nullopt;
}

}  // namespace ei::auth
