#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/tokens/environment.h"
#include "adapters/tokens/http_client.h"
#include "base/clock.h"
#include "delivery/token_source.h"

namespace ei::tokens {

// Gets tokens from an identity provider with OAuth 2.0 client credentials (RFC 6749, section 4.4). The
// client's id and secret are in the Authorization header.
class OidcTokens final : public TokenSource {
 public:
  struct Options {
    std::string token_url;
    std::string client_id;
    std::string client_secret_file;  // read for each token
    std::string scope;               // empty: no scope is requested
    std::vector<std::pair<std::string, std::string>> extensions;
  };
  // The clock must outlive this object.
  OidcTokens(Options options, ReadFile read, std::unique_ptr<HttpClient> http, const Clock& clock)
      : options_(std::move(options)), read_(std::move(read)), http_(std::move(http)), clock_(clock) {}

  base::Result<AccessToken> Fetch() override;
  void Cancel() override { http_->Cancel(); }

 private:
  base::Result<AccessToken> Read(const HttpReply& reply, base::WallTime asked_at) const;

  const Options options_;
  const ReadFile read_;
  const std::unique_ptr<HttpClient> http_;
  const Clock& clock_;
};

}  // namespace ei::tokens
