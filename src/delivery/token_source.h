#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace ei {

// A bearer token for the login at the brokers. Its value is a secret.
struct AccessToken {
  std::string value;
  base::WallTime expires_at;
  std::vector<std::pair<std::string, std::string>> extensions;  // sent to the broker with the token
  std::string warning = {};  // for the operator: a problem with the token; empty: none
};

// A source of access tokens.
class TokenSource {
 public:
  virtual ~TokenSource() = default;

  // Returns a token that is valid now. Blocks for as long as the source takes, some seconds at most.
  // kInvalid: the source rejects the credentials, or they can't be used; kUnavailable: a later attempt may
  // succeed. The message contains no secret. Called by one thread at a time.
  virtual base::Result<AccessToken> Fetch() = 0;

  // Makes the current Fetch and all later ones fail at once, permanently. Any thread.
  virtual void Cancel() {}
};

}  // namespace ei
