#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/enum_rows.h"
#include "base/time.h"
#include "clients/client.h"
#include "clients/peer_certificate.h"

namespace ei {

// Why a request has no client.
enum class AuthFault : uint8_t {
  kNone,
  kNoCredentials,
  kMalformed,
  kAmbiguous,
  kUnknownKey,
  kExpiredKey,
  kInvalidToken,
  kExpiredToken,
  kUnknownIssuerKey,
  kUnknownClient,
  kExpiredCertificate,
};

struct AuthFaultRow {
  AuthFault fault;
  std::string_view name;     // for metrics and logs
  std::string_view message;  // for the client
};

// One row for each fault, in the order of AuthFault.
inline constexpr auto kAuthFaults = std::to_array<AuthFaultRow>({
    {AuthFault::kNone, "none", "nothing is wrong"},
    {AuthFault::kNoCredentials, "no_credentials", "send a key or a token, for example in Authorization"},
    {AuthFault::kMalformed, "malformed",
     "the credentials are not well-formed, or of a kind that this service does not accept"},
    {AuthFault::kAmbiguous, "ambiguous", "the request has more than one credential"},
    {AuthFault::kUnknownKey, "unknown_key", "the key is unknown"},
    {AuthFault::kExpiredKey, "expired_key", "the key has expired"},
    {AuthFault::kInvalidToken, "invalid_token", "the token is not valid for this service"},
    {AuthFault::kExpiredToken, "expired_token", "the token has expired, or is not valid yet"},
    {AuthFault::kUnknownIssuerKey, "unknown_issuer_key", "the key that signed the token is unknown"},
    {AuthFault::kUnknownClient, "unknown_client", "the credentials belong to no client"},
    {AuthFault::kExpiredCertificate, "expired_certificate",
     "the certificate of the connection has expired; connect again with a new one"},
});

constexpr const AuthFaultRow& RowOf(AuthFault fault) { return kAuthFaults[static_cast<size_t>(fault)]; }

static_assert(base::HasRowForEach(kAuthFaults, &AuthFaultRow::fault, AuthFault::kExpiredCertificate));

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

  // Never 0. Changes when earlier results may no longer hold. Cheap enough to be called for each request.
  virtual uint64_t Version() const = 0;

  // The value of WWW-Authenticate in replies to requests without valid credentials (RFC 9110,
  // section 11.6.1).
  virtual std::string_view Challenge() const = 0;
};

}  // namespace ei
