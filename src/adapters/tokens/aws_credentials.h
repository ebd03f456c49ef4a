#pragma once

#include <memory>
#include <string>

#include "adapters/tokens/environment.h"
#include "adapters/tokens/http_client.h"
#include "adapters/tokens/sigv4.h"
#include "base/result.h"

namespace ei::tokens {

// Finds the AWS credentials of this process in the same order and with the same environment variables as the
// AWS SDKs: its environment, a web identity (IRSA), the container's credentials (EKS Pod Identity, ECS), the
// instance's metadata (IMDSv2). Only the first source that is configured is used, even if it fails.
class AwsCredentialChain {
 public:
  AwsCredentialChain(std::string region, Environment environment, ReadFile read,
                     std::unique_ptr<HttpClient> http)
      : region_(std::move(region)),
        environment_(std::move(environment)),
        read_(std::move(read)),
        http_(std::move(http)) {}

  // Asks the source again on each call; blocks. kInvalid: the source rejected the request, or no source is
  // configured.
  base::Result<AwsCredentials> Fetch();
  // Makes the current Fetch and all later ones fail at once. Any thread may call this; it can't be undone.
  void Cancel() { http_->Cancel(); }

 private:
  base::Result<AwsCredentials> FromWebIdentity(const std::string& token_file);
  base::Result<AwsCredentials> FromContainer(const std::string& url);
  base::Result<AwsCredentials> FromInstance();
  base::Result<std::string> Ask(const HttpRequest& request, std::string_view source);
  std::string Variable(std::string_view name, std::string_view fallback = {}) const;

  std::string region_;
  Environment environment_;
  ReadFile read_;
  std::unique_ptr<HttpClient> http_;
};

}  // namespace ei::tokens
