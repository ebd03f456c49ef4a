// Arbitrary tokens, as they are or signed by the issuer: no fault, and a token that is valid has the issuer,
// the audience and the times of a valid one, and is invalid with another signature.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "adapters/auth/jwt_verifier.h"
#include "support/null_log.h"
#include "support/signing_key.h"
#include "support/virtual_clock.h"

namespace {

using ei::auth::JwtVerifier;

void Require(bool holds) {
  if (!holds) std::abort();
}

// An issuer with a key of each type and a verifier of its tokens.
struct Issuer {
  Issuer() { source.Poll(); }

  const ei::support::SigningKey signer = ei::support::SigningKey::Ed25519();
  ei::support::VirtualClock clock;
  ei::support::NullLog log;
  ei::auth::JwksSource source{{.file = "",
                               .url = "https://login.example/keys",
                               .fetch = [this](const std::string&) -> ei::base::Result<std::string> {
                                 using ei::support::SigningKey;
                                 const nlohmann::json keys = {signer.Jwk(), signer.Jwk({{"kid", "o"}}),
                                                              SigningKey::P256().Jwk({{"kid", "e"}}),
                                                              SigningKey::Rsa().Jwk({{"kid", "r"}})};
                                 return nlohmann::json{{"keys", keys}}.dump();
                               }},
                              clock,
                              log};
  const JwtVerifier verifier{{.issuers = {"https://login.example"}, .audiences = {"events"}}, source};
};

bool HasClaim(const ei::auth::VerifiedToken& token, std::string_view name, std::string_view value) {
  return std::ranges::any_of(token.claims, [&](const auto& claim) {
    return claim.first == name && std::ranges::find(claim.second, value) != claim.second.end();
  });
}

}  // namespace

// An even first byte: the rest is a token. An odd one: the rest is a header and a payload, with a line break
// between them, to be signed.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Issuer issuer;
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string token(rest);
  if (data[0] % 2 == 1) {
    const size_t line = std::min(rest.find('\n'), rest.size());
    token = issuer.signer.TokenOf(rest.substr(0, line), rest.substr(std::min(line + 1, rest.size())));
  }
  const auto now = issuer.clock.WallNow();
  const auto verified = issuer.verifier.Verify(token, now);
  if (!verified) {
    Require(verified.error() != ei::AuthFault::kNone);
    return 0;
  }
  Require(data[0] % 2 == 1);
  Require(verified->expires_at > now);
  Require(HasClaim(*verified, "iss", "https://login.example") && HasClaim(*verified, "aud", "events"));
  for (const auto& [name, values] : verified->claims) Require(!values.empty());
  token.replace(token.rfind('.') + 1, std::string::npos, std::string(86, 'A'));
  Require(!issuer.verifier.Verify(token, now).has_value());
  return 0;
}
