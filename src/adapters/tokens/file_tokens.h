#pragma once

#include <string>

#include "adapters/tokens/environment.h"
#include "base/clock.h"
#include "delivery/token_source.h"

namespace ei::tokens {

// Reads a token from a file that another program writes, such as Kubernetes with a projected service account.
// If the token is a JWT with an expiry, that is used; otherwise it expires an hour from now.
class FileTokens final : public TokenSource {
 public:
  struct Options {
    std::string path;
    std::vector<std::pair<std::string, std::string>> extensions;
  };
  // The clock must outlive this object.
  FileTokens(Options options, ReadFile read, const Clock& clock)
      : options_(std::move(options)), read_(std::move(read)), clock_(clock) {}

  base::Result<AccessToken> Fetch() override;

 private:
  const Options options_;
  const ReadFile read_;
  const Clock& clock_;
};

}  // namespace ei::tokens
