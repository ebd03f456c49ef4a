#include "adapters/tokens/file_tokens.h"

#include "adapters/tokens/jwt_expiry.h"

namespace ei::tokens {

namespace {

constexpr std::string_view kSetting = "kafka.security.oauth_token_file";

}  // namespace

base::Result<AccessToken> FileTokens::Fetch() {
  auto token = read_(options_.path, kSetting);
  if (!token) return std::unexpected(token.error());
  if (const auto fit = CheckToken(*token); !fit) {
    return base::Fail(fit.error().kind, std::string(kSetting) + ": " + fit.error().message);
  }
  const base::WallTime now = clock_.WallNow();
  const base::WallTime expires = JwtExpiry(*token).value_or(now + std::chrono::hours(1));
  if (expires <= now) {
    return base::Fail(base::ErrorKind::kInvalid, std::string(kSetting) + ": the token has expired");
  }
  return AccessToken{std::move(*token), expires, options_.extensions};
}

}  // namespace ei::tokens
