#include "adapters/tokens/oidc_tokens.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <nlohmann/json.hpp>

#include "adapters/tokens/encoding.h"
#include "adapters/tokens/jwt_expiry.h"

namespace ei::tokens {

namespace {

constexpr auto kLifeMax = std::chrono::hours(24 * 7);
constexpr auto kLifeUnknown = std::chrono::hours(1);

std::unexpected<base::Error> FailOf(base::ErrorKind kind, std::string_view what) {
  return base::Fail(kind, "the token endpoint (kafka.security.oauth_token_url) " + std::string(what));
}

// The error codes of RFC 6749 are such words; anything else is not for the log.
std::string ErrorCode(const nlohmann::json& document) {
  if (!document.is_object() || !document.contains("error") || !document["error"].is_string()) return {};
  const auto code = document["error"].get<std::string>();
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  return code.size() <= 64 && std::ranges::all_of(code, fits) ? ": " + code : std::string();
}

base::WallTime ExpiryOf(const nlohmann::json& document, std::string_view token, base::WallTime asked_at) {
  if (document.contains("expires_in") && document["expires_in"].is_number()) {
    const double seconds = std::clamp(document["expires_in"].get<double>(), 0.0,
                                      std::chrono::duration<double>(kLifeMax).count());
    return asked_at + std::chrono::seconds(static_cast<int64_t>(seconds));
  }
  return JwtExpiry(token).value_or(asked_at + kLifeUnknown);
}

}  // namespace

base::Result<app::AccessToken> OidcTokens::Fetch() {
  const auto secret = read_(options_.client_secret_file, "kafka.security.oauth_client_secret_file");
  if (!secret) return std::unexpected(secret.error());
  HttpRequest request{.method = "POST", .url = options_.token_url, .headers = {}, .body = {}};
  request.headers = {
      {"Content-Type", "application/x-www-form-urlencoded"},
      {"Accept", "application/json"},
      {"Authorization", "Basic " + Base64(PercentEncode(options_.client_id) + ":" + PercentEncode(*secret))}};
  request.body = "grant_type=client_credentials";
  if (!options_.scope.empty()) request.body += "&scope=" + PercentEncode(options_.scope);
  const base::WallTime asked_at = clock_.WallNow();
  const auto reply = http_->Send(request);
  if (!reply) return FailOf(reply.error().kind, "gives no token: " + reply.error().message);
  return Read(*reply, asked_at);
}

base::Result<app::AccessToken> OidcTokens::Read(const HttpReply& reply, base::WallTime asked_at) const {
  const auto document = nlohmann::json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
  if (reply.status != 200) {
    const bool refused = reply.status == 400 || reply.status == 401 || reply.status == 403;
    return FailOf(refused ? base::ErrorKind::kInvalid : base::ErrorKind::kUnavailable,
                  (refused ? "refuses the client, status " : "gives no token, status ") +
                      std::to_string(reply.status) + ErrorCode(document));
  }
  if (!document.is_object() || !document.contains("access_token") || !document["access_token"].is_string()) {
    return FailOf(base::ErrorKind::kUnavailable, "answers without an access_token");
  }
  auto token = document["access_token"].get<std::string>();
  if (const auto fit = CheckToken(token); !fit)
    return FailOf(base::ErrorKind::kUnavailable, fit.error().message);
  const base::WallTime expires = ExpiryOf(document, token, asked_at);
  if (expires <= asked_at) return FailOf(base::ErrorKind::kUnavailable, "gives a token that has expired");
  return app::AccessToken{std::move(token), expires, options_.extensions};
}

}  // namespace ei::tokens
