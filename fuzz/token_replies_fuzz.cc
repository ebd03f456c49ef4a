// Arbitrary replies of a token endpoint or a metadata service, or an arbitrary token file: each is rejected
// with a message, or gives a token that can be sent and has not expired.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "adapters/tokens/file_tokens.h"
#include "adapters/tokens/jwt_expiry.h"
#include "adapters/tokens/msk_iam_tokens.h"
#include "adapters/tokens/oidc_tokens.h"
#include "adapters/tokens/url.h"
#include "support/virtual_clock.h"

namespace {

using ei::base::Result;

void Require(bool holds) {
  if (!holds) std::abort();
}

// Returns the same reply for each request.
class SameReply final : public ei::tokens::HttpClient {
 public:
  explicit SameReply(ei::tokens::HttpReply reply) : reply_(std::move(reply)) {}
  Result<ei::tokens::HttpReply> Send(const ei::tokens::HttpRequest& request) override {
    Require(ei::tokens::ParseUrl(request.url).has_value());
    for (const auto& [name, value] : request.headers) Require(name != "Authorization" || !value.empty());
    return reply_;
  }

 private:
  const ei::tokens::HttpReply reply_;
};

ei::tokens::ReadFile Saying(std::string content) {
  return [content = std::move(content)](const std::string&, std::string_view) -> Result<std::string> {
    return content;
  };
}

// An environment with this one variable.
ei::tokens::AwsCredentialChain Chain(std::string_view variable, std::string value,
                                     std::unique_ptr<ei::tokens::HttpClient> http) {
  return {"eu-central-1",
          [name = std::string(variable), value = std::move(value)](std::string_view asked)
              -> std::optional<std::string> { return asked == name ? std::optional(value) : std::nullopt; },
          Saying("web identity"), std::move(http)};
}

void Check(ei::TokenSource& source, const ei::support::VirtualClock& clock) {
  const auto token = source.Fetch();
  if (!token) {
    Require(!token.error().message.empty());
    return;
  }
  Require(ei::tokens::CheckToken(token->value).has_value());
  Require(token->expires_at > clock.WallNow());
}

}  // namespace

// The first byte chooses the source, the second the HTTP status.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const ei::support::VirtualClock clock;
  const std::string body(reinterpret_cast<const char*>(data) + 2, size - 2);
  auto http =
      std::make_unique<SameReply>(ei::tokens::HttpReply{data[1] % 2 == 0 ? 200 : 300 + data[1], body});
  const auto check_aws = [&](std::string_view variable, std::string value) {
    ei::tokens::MskIamTokens tokens("eu-central-1", Chain(variable, std::move(value), std::move(http)),
                                    clock);
    Check(tokens, clock);
  };
  switch (data[0] % 6) {
    case 0: {
      ei::tokens::OidcTokens tokens({"https://id.example/token", "client", "secret", "", {}},
                                    Saying("secret"), std::move(http), clock);
      Check(tokens, clock);
      break;
    }
    case 1: {
      ei::tokens::FileTokens tokens({"token", {}}, Saying(body), clock);
      Check(tokens, clock);
      break;
    }
    case 2: check_aws("AWS_WEB_IDENTITY_TOKEN_FILE", "token"); break;
    case 3: check_aws("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.2/credentials"); break;
    case 4: check_aws("", ""); break;
    default:
      if (const auto url = ei::tokens::ParseUrl(body)) {
        Require(!url->host.empty() && !url->port.empty() && url->target.starts_with('/'));
      }
  }
  return 0;
}
