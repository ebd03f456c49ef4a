#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/time.h"
#include "clients/client.h"
#include "clients/peer_certificate.h"

namespace ei {

// Why a request has no client.
enum class AuthFault : uint8_t {
  kNone,
  kNoCredentials,
  kMalformed,   // the header is not well-formed, or the scheme is not supported
  kAmbiguous,   // more than one credential
  kUnknownKey,  // no client has this key, or its secret is wrong
  kExpiredKey,
  kInvalidToken,      // not well-formed, or the signature, issuer or audience is wrong
  kExpiredToken,      // expired, or not yet valid
  kUnknownIssuerKey,  // no key of the issuer has the token's kid
  kUnknownClient,     // the credential is valid, but belongs to no client
};
inline constexpr size_t kAuthFaultCount = 10;

// What a request shows of its sender. The views are valid during the call.
struct Credentials {
  std::string_view authorization = {};           // the header's value; empty: none
  std::string_view api_key = {};                 // the value of X-API-Key; empty: none
  const PeerCertificate* certificate = nullptr;  // null: none
};

struct Authentication {
  std::shared_ptr<const Client> client;  // null: there is a fault
  AuthFault fault = AuthFault::kNone;
  // The same credentials have this result until then, unless Authenticator::Version() changes.
  base::WallTime valid_until = base::WallTime::max();
};

// Finds the client of a request. Each event loop has one, which may have a cache of its own; all functions
// are for the loop's thread.
class Authenticator {
 public:
  virtual ~Authenticator() = default;

  virtual Authentication Authenticate(const Credentials& credentials, base::WallTime now) = 0;

  // Changes when earlier results may no longer hold. Cheap enough to be called for each request.
  virtual uint64_t Version() const = 0;

  // The value of WWW-Authenticate in replies to requests without valid credentials (RFC 9110,
  // section 11.6.1).
  virtual std::string_view Challenge() const = 0;
};

}  // namespace ei
