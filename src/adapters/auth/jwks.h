#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "adapters/auth/jwt_algorithm.h"
#include "adapters/auth/jwt_key.h"
#include "base/result.h"

namespace ei::auth {

inline constexpr size_t kJwksBytesMax = 256 * 1024;  // each key may come with a chain of certificates
inline constexpr size_t kJwksKeysMax = 100;
inline constexpr size_t kKidBytesMax = 256;
inline constexpr size_t kKeyCandidatesMax = 4;

// The public keys of an issuer: a JWK Set (RFC 7517). Immutable and therefore thread-safe.
class KeySet {
 public:
  KeySet() = default;

  // Reads RSA keys of 2048 to 8192 bits and keys on P-256 and Ed25519. As the RFC demands, other keys are
  // ignored: those of another type, curve or algorithm, for encryption, or with a fault; also those with
  // private members, because whoever read them could sign. Fails if the text is not a JWK Set, or is above a
  // bound.
  static base::Result<KeySet> Parse(std::string_view text);

  size_t Size() const { return keys_.size(); }

  // The keys that may have signed a token of this algorithm: those with the kid, or all if the token has
  // none. At most kKeyCandidatesMax, in the order of the set, because each costs a verification. Several keys
  // may have the same kid: RFC 7517 allows it, and a key that doesn't match does no harm. Valid as long as
  // this object.
  std::vector<const JwtKey*> Find(const std::optional<std::string>& kid, JwtAlgorithm algorithm) const;

  // Why each ignored key was ignored, in the order of the set.
  const std::vector<std::string>& Ignored() const { return ignored_; }

 private:
  struct Key {
    std::optional<std::string> kid;
    std::optional<JwtAlgorithm> algorithm;  // the only one that the issuer uses it for
    JwtKey key;
  };
  static base::Result<Key> Read(const nlohmann::json& member);

  std::vector<Key> keys_;
  std::vector<std::string> ignored_;
};

}  // namespace ei::auth
