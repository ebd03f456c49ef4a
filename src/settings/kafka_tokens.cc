#include "settings/kafka_tokens.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "adapters/tokens/file_tokens.h"
#include "adapters/tokens/https_client.h"
#include "adapters/tokens/msk_iam_tokens.h"
#include "adapters/tokens/oidc_tokens.h"
#include "settings/load.h"

namespace ei::service {

namespace {

base::Result<std::string> ReadFile(const std::string& path, std::string_view setting) {
  return kafka::ReadSecret({path, setting});
}

// `text` is name=value,name=value; the setting has validated it.
std::vector<std::pair<std::string, std::string>> ExtensionsOf(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> extensions;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const size_t equals = pair.find('=');
    extensions.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return extensions;
}

void AddTokens(const OauthSettings& oauth, const Clock& clock, kafka::SecurityOptions& options) {
  if (!oauth.source) return;
  switch (*oauth.source) {
    case OauthSource::kFile:
      options.tokens = std::make_shared<tokens::FileTokens>(
          tokens::FileTokens::Options{oauth.token_file, ExtensionsOf(oauth.extensions)}, ReadFile, clock);
      options.token_files = {{oauth.token_file, "kafka.security.oauth_token_file"}};
      return;
    case OauthSource::kOidc:
      options.tokens = std::make_shared<tokens::OidcTokens>(
          tokens::OidcTokens::Options{oauth.token_url, oauth.client_id, oauth.client_secret_file, oauth.scope,
                                      ExtensionsOf(oauth.extensions)},
          ReadFile, std::make_unique<tokens::HttpsClient>(tokens::HttpsClient::Options{oauth.ca_file}),
          clock);
      options.token_files = {{oauth.client_secret_file, "kafka.security.oauth_client_secret_file"}};
      return;
    case OauthSource::kAwsMskIam:
      options.tokens = std::make_shared<tokens::MskIamTokens>(
          oauth.aws_region,
          tokens::AwsCredentialChain(oauth.aws_region, ProcessEnvironment(), ReadFile,
                                     std::make_unique<tokens::HttpsClient>(tokens::HttpsClient::Options{})),
          clock);
  }
}

}  // namespace

kafka::KafkaOptions KafkaOptionsOf(const Settings& settings, const Clock& clock) {
  kafka::KafkaOptions options = settings.kafka;
  options.event_bytes_max = settings.decoder.event_bytes_max;
  if (options.security.mechanism == kafka::kOauthBearer) AddTokens(settings.oauth, clock, options.security);
  return options;
}

}  // namespace ei::service
