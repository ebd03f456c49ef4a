#pragma once

#include <string>

#include "adapters/tokens/environment.h"
#include "base/clock.h"
#include "delivery/token_source.h"

namespace ei::tokens {

// A token that something else writes to a file, such as Kubernetes with a projected service account. Its
// expiry is that of the JWT it is, or an hour from now.
class FileTokens final : public TokenSource {
 public:
  struct Options {
    std::string path;
    std::vector<std::pair<std::string, std::string>> extensions;
  };
  // The clock outlives this.
  FileTokens(Options options, ReadFile read, const Clock& clock)
      : options_(std::move(options)), read_(std::move(read)), clock_(clock) {}

  base::Result<AccessToken> Fetch() override;

 private:
  const Options options_;
  const ReadFile read_;
  const Clock& clock_;
};

}  // namespace ei::tokens
