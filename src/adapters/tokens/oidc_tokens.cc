#include "adapters/tokens/oidc_tokens.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "adapters/tokens/encoding.h"
#include "adapters/tokens/json_number.h"
#include "adapters/tokens/jwt_expiry.h"
#include "base/base64.h"

namespace ei::tokens {

namespace {

constexpr auto kLifeMax = std::chrono::hours(24 * 7);
constexpr auto kLifeIfMissing = std::chrono::hours(1);
constexpr auto kLifeIfInvalid = std::chrono::minutes(1);

std::unexpected<base::Error> FailOf(base::ErrorKind kind, std::string_view what) {
  return base::Fail(kind, "the token endpoint (kafka.security.oauth_token_url) " + std::string(what));
}

// Returns ": " and the error code of the reply if it has the form of the codes in RFC 6749; other text is not
// logged.
std::string ErrorCode(const nlohmann::json& document) {
  if (!document.is_object() || !document.contains("error") || !document["error"].is_string()) return {};
  const auto code = document["error"].get<std::string>();
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  return code.size() <= 64 && std::ranges::all_of(code, fits) ? ": " + code : std::string();
}

// Sets the expiry of the token, and a warning if the expires_in of the reply is not a number.
void SetExpiry(const nlohmann::json& document, base::WallTime asked_at, AccessToken& token) {
  base::Duration life = kLifeIfMissing;
  if (const auto member = document.find("expires_in"); member != document.end() && !member->is_null()) {
    if (const auto seconds = NumberOf(*member)) {
      const double bounded = std::clamp(*seconds, 0.0, std::chrono::duration<double>(kLifeMax).count());
      token.expires_at = asked_at + std::chrono::seconds(static_cast<int64_t>(bounded));
      return;
    }
    life = kLifeIfInvalid;
    token.warning =
        "the token endpoint's expires_in is not a number of seconds; the expiry in the token itself is "
        "used, or one minute if it has none";
  }
  token.expires_at = JwtExpiry(token.value).value_or(asked_at + life);
}

}  // namespace

base::Result<AccessToken> OidcTokens::Fetch() {
  const auto secret = read_(options_.client_secret_file, "kafka.security.oauth_client_secret_file");
  if (!secret) return std::unexpected(secret.error());
  HttpRequest request{.method = "POST", .url = options_.token_url, .headers = {}, .body = {}};
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Accept", "application/json"},
                     {"Authorization", "Basic " + base::EncodeBase64(PercentEncode(options_.client_id) + ":" +
                                                                     PercentEncode(*secret))}};
  request.body = "grant_type=client_credentials";
  if (!options_.scope.empty()) request.body += "&scope=" + PercentEncode(options_.scope);
  const base::WallTime asked_at = clock_.WallNow();
  const auto reply = http_->Send(request);
  if (!reply) return FailOf(reply.error().kind, "returned no token: " + reply.error().message);
  return Read(*reply, asked_at);
}

base::Result<AccessToken> OidcTokens::Read(const HttpReply& reply, base::WallTime asked_at) const {
  const auto document = nlohmann::json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
  if (reply.status != 200) {
    const bool rejected = reply.status == 400 || reply.status == 401 || reply.status == 403;
    return FailOf(rejected ? base::ErrorKind::kInvalid : base::ErrorKind::kUnavailable,
                  (rejected ? "rejected the client, status " : "returned no token, status ") +
                      std::to_string(reply.status) + ErrorCode(document));
  }
  if (!document.is_object() || !document.contains("access_token") || !document["access_token"].is_string()) {
    return FailOf(base::ErrorKind::kUnavailable, "returned no access_token");
  }
  AccessToken token{document["access_token"].get<std::string>(), {}, options_.extensions};
  if (const auto fit = CheckToken(token.value); !fit)
    return FailOf(base::ErrorKind::kUnavailable, "returned an invalid token: " + fit.error().message);
  SetExpiry(document, asked_at, token);
  if (token.expires_at <= asked_at) return FailOf(base::ErrorKind::kUnavailable, "returned an expired token");
  return token;
}

}  // namespace ei::tokens
