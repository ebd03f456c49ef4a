#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include <openssl/types.h>

#include "adapters/auth/jwt_algorithm.h"
#include "base/result.h"

namespace ei::auth {

// A public key of an issuer. Immutable and therefore thread-safe; copies share the key.
class JwtKey {
 public:
  // Numbers are big-endian. A key that is not safe to use is an error, whose message says why.
  static base::Result<JwtKey> Rsa(std::string_view modulus, std::string_view exponent);
  static base::Result<JwtKey> P256(std::string_view x, std::string_view y);
  static base::Result<JwtKey> Ed25519(std::string_view x);

  // Whether it is a key for this algorithm.
  bool Fits(JwtAlgorithm algorithm) const;

  // Whether `signature`, in the form of RFC 7518 and RFC 8037, is that of `text`. Leaves the thread's queue
  // of OpenSSL's errors as it was.
  bool Verify(JwtAlgorithm algorithm, std::string_view text, std::string_view signature) const;

 private:
  enum class Type : uint8_t { kRsa, kP256, kEd25519 };
  JwtKey(Type type, EVP_PKEY* key);  // takes over the key

  Type type_;
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace ei::auth
