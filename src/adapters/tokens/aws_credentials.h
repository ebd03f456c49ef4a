#pragma once

#include <memory>
#include <string>

#include "adapters/tokens/environment.h"
#include "adapters/tokens/http_client.h"
#include "adapters/tokens/sigv4.h"
#include "base/result.h"

namespace ei::tokens {

// The AWS credentials of this process, from where the AWS SDKs take them by the same environment variables:
// its environment, a web identity (IRSA), the container's credentials (EKS Pod Identity, ECS), the instance's
// metadata (IMDSv2). The first that is there decides, also when it fails.
class AwsCredentialChain {
 public:
  AwsCredentialChain(std::string region, Environment environment, ReadFile read,
                     std::unique_ptr<HttpClient> http)
      : region_(std::move(region)),
        environment_(std::move(environment)),
        read_(std::move(read)),
        http_(std::move(http)) {}

  // Asked anew each time. kInvalid: refused, or there are none.
  base::Result<AwsCredentials> Fetch();
  // From any thread, for good: a Fetch under way fails at once.
  void Cancel() { http_->Cancel(); }

 private:
  base::Result<AwsCredentials> FromWebIdentity(const std::string& token_file);
  base::Result<AwsCredentials> FromContainer(const std::string& url);
  base::Result<AwsCredentials> FromInstance();
  base::Result<std::string> Ask(const HttpRequest& request, std::string_view whom);
  std::string Variable(std::string_view name, std::string_view fallback = {}) const;

  std::string region_;
  Environment environment_;
  ReadFile read_;
  std::unique_ptr<HttpClient> http_;
};

}  // namespace ei::tokens
