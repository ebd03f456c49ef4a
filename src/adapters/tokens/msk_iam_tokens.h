#pragma once

#include <string>

#include "adapters/tokens/aws_credentials.h"
#include "base/clock.h"
#include "delivery/token_source.h"

namespace ei::tokens {

// Tokens for Amazon MSK with IAM access control: a presigned request for kafka-cluster:Connect in base64url,
// good for 15 minutes. Made here; only the credentials may have to be asked for.
class MskIamTokens final : public TokenSource {
 public:
  // The clock outlives this.
  MskIamTokens(std::string region, AwsCredentialChain credentials, const Clock& clock)
      : region_(std::move(region)), credentials_(std::move(credentials)), clock_(clock) {}

  base::Result<AccessToken> Fetch() override;
  void Cancel() override { credentials_.Cancel(); }

 private:
  const std::string region_;
  AwsCredentialChain credentials_;
  const Clock& clock_;
};

}  // namespace ei::tokens
