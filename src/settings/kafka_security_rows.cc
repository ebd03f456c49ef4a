#include "settings/kafka_security_rows.h"

#include "settings/text.h"

namespace ei::service {

namespace {

using Group = KafkaSecuritySettings;

constexpr std::string_view kPath = "a path of at most 1024 bytes, or empty";
constexpr std::string_view kShortText = "text of at most 1024 bytes, or empty";

Text Path() { return {.fallback = "", .allowed = kPath, .read = ReadOptionalPath}; }
Text ShortText() { return {.fallback = "", .allowed = kShortText, .read = ReadShortText}; }

}  // namespace

std::vector<Setting> KafkaSecurityRows() {
  constexpr auto kGroup = &Settings::kafka_security;
  return {
      Declare({.key = "kafka.security.protocol",
               .env = "KAFKA_SECURITY_PROTOCOL",
               .text = "Protocol of the connections to the brokers. SSL and SASL_SSL encrypt and verify the "
                       "brokers; SASL_PLAINTEXT and SASL_SSL also log in with kafka.security.mechanism.",
               .example = "SASL_SSL"},
              kGroup, &Group::protocol,
              Choice<SecurityProtocol>{.fallback = SecurityProtocol::kPlaintext,
                                       .words = {{"PLAINTEXT", SecurityProtocol::kPlaintext},
                                                 {"SSL", SecurityProtocol::kSsl},
                                                 {"SASL_PLAINTEXT", SecurityProtocol::kSaslPlaintext},
                                                 {"SASL_SSL", SecurityProtocol::kSaslSsl}}}),
      Declare(
          {.key = "kafka.security.mechanism",
           .env = "KAFKA_SASL_MECHANISM",
           .text = "Login mechanism when kafka.security.protocol is SASL_SSL or SASL_PLAINTEXT. PLAIN and "
                   "SCRAM need a user name and a password; OAUTHBEARER needs kafka.security.oauth_source. "
                   "PLAIN sends the password itself to the broker: use it with SASL_SSL only.",
           .example = "SCRAM-SHA-512"},
          kGroup, &Group::mechanism,
          OrUnset<Choice<SaslMechanism>>{.kind = {.fallback = {},
                                                  .words = {{"PLAIN", SaslMechanism::kPlain},
                                                            {"SCRAM-SHA-256", SaslMechanism::kScramSha256},
                                                            {"SCRAM-SHA-512", SaslMechanism::kScramSha512},
                                                            {"OAUTHBEARER", SaslMechanism::kOauthBearer}}}}),
      Declare({.key = "kafka.security.username",
               .env = "KAFKA_SASL_USERNAME",
               .text = "User name for PLAIN and SCRAM; for Confluent Cloud, the API key.",
               .example = "ingestor"},
              kGroup, &Group::username, ShortText()),
      Declare({.key = "kafka.security.password",
               .env = "KAFKA_SASL_PASSWORD",
               .text = "Password for PLAIN and SCRAM. Prefer kafka.security.password_file: a file can be "
                       "replaced while the service runs, and it is not visible in the environment of the "
                       "process.",
               .example = "a-password",
               .secret = true},
              kGroup, &Group::password, ShortText()),
      Declare(
          {.key = "kafka.security.password_file",
           .env = "KAFKA_SASL_PASSWORD_FILE",
           .text = "File with the password for PLAIN and SCRAM; line breaks at its end are removed. After "
                   "a change, new connections use the new password.",
           .example = "/run/secrets/kafka-password"},
          kGroup, &Group::password_file, Path()),
      Declare({.key = "kafka.security.ca_file",
               .env = "KAFKA_SSL_CA_FILE",
               .text = "PEM file with the certificate authorities that may sign the brokers' certificates. "
                       "Empty means the authorities of the system.",
               .example = "/run/secrets/kafka-ca.pem"},
              kGroup, &Group::ca_file, Path()),
      Declare({.key = "kafka.security.certificate_file",
               .env = "KAFKA_SSL_CERTIFICATE_FILE",
               .text = "PEM file with the certificate of this client and its chain, for brokers that require "
                       "one (mutual TLS). After a change, new connections use the new certificate.",
               .example = "/run/secrets/kafka-client.pem"},
              kGroup, &Group::certificate_file, Path()),
      Declare({.key = "kafka.security.key_file",
               .env = "KAFKA_SSL_KEY_FILE",
               .text = "PEM file with the private key of kafka.security.certificate_file.",
               .example = "/run/secrets/kafka-client.key"},
              kGroup, &Group::key_file, Path()),
      Declare({.key = "kafka.security.key_password_file",
               .env = "KAFKA_SSL_KEY_PASSWORD_FILE",
               .text = "File with the password of kafka.security.key_file, if that key is encrypted.",
               .example = "/run/secrets/kafka-client.key-password"},
              kGroup, &Group::key_password_file, Path()),
      Declare({.key = "kafka.security.endpoint_check",
               .env = "KAFKA_SSL_ENDPOINT_CHECK",
               .text = "Check of a broker's certificate in addition to its authority. hostname: the "
                       "certificate must be made for the host that was connected to. none: anyone with a "
                       "certificate of the same authority is accepted as a broker.",
               .example = "none"},
              kGroup, &Group::endpoint_check,
              Choice<EndpointCheck>{
                  .fallback = EndpointCheck::kHostname,
                  .words = {{"hostname", EndpointCheck::kHostname}, {"none", EndpointCheck::kNone}}}),
      Declare(
          {.key = "kafka.security.oauth_source",
           .env = "KAFKA_OAUTH_SOURCE",
           .text = "Source of the tokens for OAUTHBEARER. file: another program keeps "
                   "kafka.security.oauth_token_file up to date. oidc: a token endpoint issues them for a "
                   "client id and secret. aws_msk_iam: they are made from AWS credentials, for Amazon MSK "
                   "with IAM.",
           .example = "oidc"},
          kGroup, &Group::oauth_source,
          OrUnset<Choice<OauthSource>>{.kind = {.fallback = {},
                                                .words = {{"file", OauthSource::kFile},
                                                          {"oidc", OauthSource::kOidc},
                                                          {"aws_msk_iam", OauthSource::kAwsMskIam}}}}),
      Declare({.key = "kafka.security.oauth_token_file",
               .env = "KAFKA_OAUTH_TOKEN_FILE",
               .text = "File with the token. It is read again when it changes and before the token expires.",
               .example = "/run/secrets/kafka-token"},
              kGroup, &Group::oauth_token_file, Path()),
      Declare(
          {.key = "kafka.security.oauth_token_url",
           .env = "KAFKA_OAUTH_TOKEN_URL",
           .text = "Token endpoint of the identity provider, for the client credentials grant. It must be "
                   "https, except for localhost and 127.0.0.1.",
           .example = "https://login.example.com/oauth2/token"},
          kGroup, &Group::oauth_token_url,
          Text{.fallback = "", .allowed = "an https:// URL, or empty", .read = ReadTokenUrl}),
      Declare({.key = "kafka.security.oauth_ca_file",
               .env = "KAFKA_OAUTH_CA_FILE",
               .text = "PEM file with the certificate authorities that may sign the token endpoint's "
                       "certificate. Empty means the authorities of the system.",
               .example = "/run/secrets/login-ca.pem"},
              kGroup, &Group::oauth_ca_file, Path()),
      Declare({.key = "kafka.security.oauth_client_id",
               .env = "KAFKA_OAUTH_CLIENT_ID",
               .text = "Client id for the token endpoint.",
               .example = "event-ingestor"},
              kGroup, &Group::oauth_client_id, ShortText()),
      Declare({.key = "kafka.security.oauth_client_secret_file",
               .env = "KAFKA_OAUTH_CLIENT_SECRET_FILE",
               .text = "File with the client secret for the token endpoint. It is read again for each token.",
               .example = "/run/secrets/login-secret"},
              kGroup, &Group::oauth_client_secret_file, Path()),
      Declare({.key = "kafka.security.oauth_scope",
               .env = "KAFKA_OAUTH_SCOPE",
               .text = "Scope to request from the token endpoint; separate several scopes by spaces.",
               .example = "https://namespace.servicebus.windows.net/.default"},
              kGroup, &Group::oauth_scope, ShortText()),
      Declare(
          {.key = "kafka.security.oauth_extensions",
           .env = "KAFKA_OAUTH_EXTENSIONS",
           .text =
               "SASL extensions that are sent to the broker with the token; Confluent Cloud requires them.",
           .example = "logicalCluster=lkc-1,identityPoolId=pool-1"},
          kGroup, &Group::oauth_extensions,
          Text{.fallback = "",
               .allowed = "name=value, separated by commas, names of letters; or empty",
               .read = ReadExtensions}),
      Declare({.key = "kafka.security.aws_region",
               .env = "AWS_REGION",
               .text = "Region of the Amazon MSK cluster, for kafka.security.oauth_source aws_msk_iam.",
               .example = "eu-central-1"},
              kGroup, &Group::aws_region,
              Text{.fallback = "", .allowed = "a-z 0-9 -, at most 32, or empty", .read = ReadAwsRegion}),
  };
}

}  // namespace ei::service
