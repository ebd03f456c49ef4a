#include "main/issuer_keys.h"

#include <memory>
#include <string>

#include "adapters/auth/jwks.h"
#include "adapters/tokens/https_client.h"
#include "system/secret_file.h"

namespace ei::service {

namespace {

base::Result<std::string> Get(tokens::HttpClient& http, const std::string& url) {
  tokens::HttpRequest request;
  request.url = url;
  request.headers = {{"Accept", "application/jwk-set+json, application/json"}};
  auto reply = http.Send(request);
  if (!reply) return std::unexpected(std::move(reply.error()));
  if (reply->status != 200) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      "the status of the reply is " + std::to_string(reply->status));
  }
  return std::move(reply->body);
}

}  // namespace

auth::JwksSource::Options IssuerKeysOf(const AuthSettings& settings) {
  if (!settings.jwks_file.empty()) {
    return {.file = settings.jwks_file, .url = "", .fetch = [](const std::string& path) {
              return system::ReadSecret({path, "auth.jwks_file"});
            }};
  }
  const auto http = std::make_shared<tokens::HttpsClient>(
      tokens::HttpsClient::Options{.ca_file = settings.jwks_ca_file, .reply_bytes_max = auth::kJwksBytesMax});
  return {.file = "",
          .url = settings.jwks_url,
          .fetch = [http](const std::string& url) { return Get(*http, url); },
          .cancel = [http] { http->Cancel(); }};
}

}  // namespace ei::service
