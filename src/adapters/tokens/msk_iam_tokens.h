#pragma once

#include <string>

#include "adapters/tokens/aws_credentials.h"
#include "base/clock.h"
#include "delivery/token_source.h"

namespace ei::tokens {

// Makes tokens for Amazon MSK with IAM access control: a presigned request for kafka-cluster:Connect in
// base64url, valid for 15 minutes. A token is made locally; only the credentials may need a request.
class MskIamTokens final : public TokenSource {
 public:
  // The clock must outlive this object.
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
