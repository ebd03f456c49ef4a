#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace ei {

// A bearer token that opens the brokers. Its value is a secret.
struct AccessToken {
  std::string value;
  base::WallTime expires_at;
  std::vector<std::pair<std::string, std::string>> extensions;  // told to the broker beside the token
  std::string warning = {};  // for the operator: what is odd about it; empty: nothing
};

// Where such tokens come from.
class TokenSource {
 public:
  virtual ~TokenSource() = default;

  // A token that is valid now. Blocks for as long as the source takes, some seconds at most. kInvalid: the
  // source refuses these credentials, or they are of no use; kUnavailable: it may succeed later. The message
  // holds no secret. Called by one thread at a time.
  virtual base::Result<AccessToken> Fetch() = 0;

  // From any thread, for good: a Fetch under way, and all later ones, fail at once.
  virtual void Cancel() {}
};

}  // namespace ei
