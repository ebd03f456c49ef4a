#include "settings/kafka_security.h"

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

std::string_view Name(SecurityProtocol protocol) {
  switch (protocol) {
    case SecurityProtocol::kPlaintext: return "PLAINTEXT";
    case SecurityProtocol::kSsl: return "SSL";
    case SecurityProtocol::kSaslPlaintext: return "SASL_PLAINTEXT";
    case SecurityProtocol::kSaslSsl: return "SASL_SSL";
  }
  return "PLAINTEXT";
}

std::string_view Name(SaslMechanism mechanism) {
  switch (mechanism) {
    case SaslMechanism::kPlain: return "PLAIN";
    case SaslMechanism::kScramSha256: return "SCRAM-SHA-256";
    case SaslMechanism::kScramSha512: return "SCRAM-SHA-512";
    case SaslMechanism::kOauthBearer: return "OAUTHBEARER";
  }
  return "PLAIN";
}

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

void AddTokens(const KafkaSecuritySettings& settings, const Clock& clock, kafka::SecurityOptions& options) {
  if (!settings.oauth_source) return;
  switch (*settings.oauth_source) {
    case OauthSource::kFile:
      options.tokens = std::make_shared<tokens::FileTokens>(
          tokens::FileTokens::Options{settings.oauth_token_file, ExtensionsOf(settings.oauth_extensions)},
          ReadFile, clock);
      options.token_files = {{settings.oauth_token_file, "kafka.security.oauth_token_file"}};
      return;
    case OauthSource::kOidc:
      options.tokens = std::make_shared<tokens::OidcTokens>(
          tokens::OidcTokens::Options{settings.oauth_token_url, settings.oauth_client_id,
                                      settings.oauth_client_secret_file, settings.oauth_scope,
                                      ExtensionsOf(settings.oauth_extensions)},
          ReadFile,
          std::make_unique<tokens::HttpsClient>(tokens::HttpsClient::Options{settings.oauth_ca_file}), clock);
      options.token_files = {{settings.oauth_client_secret_file, "kafka.security.oauth_client_secret_file"}};
      return;
    case OauthSource::kAwsMskIam:
      options.tokens = std::make_shared<tokens::MskIamTokens>(
          settings.aws_region,
          tokens::AwsCredentialChain(settings.aws_region, ProcessEnvironment(), ReadFile,
                                     std::make_unique<tokens::HttpsClient>(tokens::HttpsClient::Options{})),
          clock);
  }
}

}  // namespace

kafka::SecurityOptions SecurityOptionsOf(const KafkaSecuritySettings& settings, const Clock& clock) {
  kafka::SecurityOptions options;
  options.protocol = Name(settings.protocol);
  if (settings.UsesSasl() && settings.mechanism) options.mechanism = Name(*settings.mechanism);
  options.username = settings.username;
  options.password = settings.password;
  options.password_file = {settings.password_file, "kafka.security.password_file"};
  options.ca_file = {settings.ca_file, "kafka.security.ca_file"};
  options.certificate_file = {settings.certificate_file, "kafka.security.certificate_file"};
  options.key_file = {settings.key_file, "kafka.security.key_file"};
  options.key_password_file = {settings.key_password_file, "kafka.security.key_password_file"};
  options.check_hostname = settings.endpoint_check == EndpointCheck::kHostname;
  if (options.mechanism == "OAUTHBEARER") AddTokens(settings, clock, options);
  return options;
}

}  // namespace ei::service
