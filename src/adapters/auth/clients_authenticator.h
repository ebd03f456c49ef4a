#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/auth/recent_clients.h"
#include "adapters/auth/sent_credential.h"
#include "adapters/auth/token_verifier.h"
#include "base/sip_hash.h"
#include "clients/authenticator.h"
#include "clients/client_directory.h"

namespace ei::auth {

inline constexpr size_t kRememberedMax = 16'384;  // valid credentials, for each event loop

// Finds the client of a request by an API key, a token, or the certificate of the connection. A key or a
// token in a header takes precedence over the certificate: if it is not valid, the certificate doesn't help.
// Headers of kinds that are not accepted are ignored.
//
// Valid credentials are remembered, so that further requests with them need no HMAC and no check of a
// signature. Those that are not valid are checked each time: their sender could make each one different
// anyway.
class ClientsAuthenticator final : public Authenticator {
 public:
  struct Options {
    bool keys = false;                        // API keys are accepted
    bool certificates = false;                // client certificates are accepted
    const TokenVerifier* tokens = nullptr;    // null: tokens are not accepted
    const CurrentClients* clients = nullptr;  // null: there is no clients file; each valid token has a client
    std::string token_client_claim = "sub";   // without a clients file: the claim with the client's name
    ClientAccounts* accounts = nullptr;       // of the clients that a claim names; null: they have none
    base::SipKey remember_key = {};           // secret and random
    size_t remembered_max = kRememberedMax;   // at least 2
  };

  // What `options` points to must outlive this object.
  explicit ClientsAuthenticator(Options options);

  Authentication Authenticate(const Credentials& credentials, base::WallTime now) override;
  uint64_t Version() const override;
  std::string_view Challenge() const override { return challenge_; }

 private:
  Authentication Decide(const Credentials& credentials, base::WallTime now) const;
  Authentication ByHeaders(const Credentials& credentials, base::WallTime now) const;
  Authentication ByKey(const SentCredential& key, base::WallTime now) const;
  Authentication ByToken(std::string_view token, base::WallTime now) const;
  std::shared_ptr<const Client> ClientOf(const VerifiedToken& token) const;
  base::Hash128 HashOf(const Credentials& credentials);

  const Options options_;
  const std::string challenge_;
  RecentClients recent_;
  uint64_t recent_version_ = 0;
  std::string hashed_;  // scratch of HashOf
};

}  // namespace ei::auth
