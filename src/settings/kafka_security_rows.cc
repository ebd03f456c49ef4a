#include "settings/kafka_security_rows.h"

#include "settings/text.h"

namespace ei::service {

namespace {

using kafka::SecurityOptions;

constexpr std::string_view kPath = "a path of at most 1024 bytes, or empty";
constexpr std::string_view kShortText = "text of at most 1024 bytes, or empty";

Text Path() { return {.fallback = "", .allowed = kPath, .read = ReadOptionalPath}; }
Text ShortText() { return {.fallback = "", .allowed = kShortText, .read = ReadShortText}; }

}  // namespace

std::vector<Setting> KafkaSecurityRows() {
  constexpr auto kKafka = &Settings::kafka;
  constexpr auto kSecurity = &kafka::KafkaOptions::security;
  constexpr auto kPathOf = &kafka::SecretFile::path;
  constexpr auto kOauth = &Settings::oauth;
  return {
      Declare({.key = "kafka.security.protocol",
               .env = "KAFKA_SECURITY_PROTOCOL",
               .text = "Protocol of the connections to the brokers. SSL and SASL_SSL encrypt and verify the "
                       "brokers; SASL_PLAINTEXT and SASL_SSL also log in with kafka.security.mechanism.",
               .example = "SASL_SSL"},
              WordsOf("PLAINTEXT", {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}), kKafka, kSecurity,
              &SecurityOptions::protocol),
      Declare(
          {.key = "kafka.security.mechanism",
           .env = "KAFKA_SASL_MECHANISM",
           .text = "Login mechanism when kafka.security.protocol is SASL_SSL or SASL_PLAINTEXT. PLAIN and "
                   "SCRAM need a user name and a password; OAUTHBEARER needs kafka.security.oauth_source. "
                   "PLAIN sends the password itself to the broker: use it with SASL_SSL only.",
           .example = "SCRAM-SHA-512"},
          OrUnset<Words>{WordsOf("", {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", kafka::kOauthBearer})},
          kKafka, kSecurity, &SecurityOptions::mechanism),
      Declare({.key = "kafka.security.username",
               .env = "KAFKA_SASL_USERNAME",
               .text = "User name for PLAIN and SCRAM; for Confluent Cloud, the API key.",
               .example = "ingestor"},
              ShortText(), kKafka, kSecurity, &SecurityOptions::username),
      Declare({.key = "kafka.security.password",
               .env = "KAFKA_SASL_PASSWORD",
               .text = "Password for PLAIN and SCRAM. Prefer kafka.security.password_file: a file can be "
                       "replaced while the service runs, and it is not visible in the environment of the "
                       "process.",
               .example = "a-password",
               .secret = true},
              ShortText(), kKafka, kSecurity, &SecurityOptions::password),
      Declare(
          {.key = "kafka.security.password_file",
           .env = "KAFKA_SASL_PASSWORD_FILE",
           .text = "File with the password for PLAIN and SCRAM; line breaks at its end are removed. After "
                   "a change, new connections use the new password.",
           .example = "/run/secrets/kafka-password"},
          Path(), kKafka, kSecurity, &SecurityOptions::password_file, kPathOf),
      Declare({.key = "kafka.security.ca_file",
               .env = "KAFKA_SSL_CA_FILE",
               .text = "PEM file with the certificate authorities that may sign the brokers' certificates. "
                       "Empty means the authorities of the system.",
               .example = "/run/secrets/kafka-ca.pem"},
              Path(), kKafka, kSecurity, &SecurityOptions::ca_file, kPathOf),
      Declare({.key = "kafka.security.certificate_file",
               .env = "KAFKA_SSL_CERTIFICATE_FILE",
               .text = "PEM file with the certificate of this client and its chain, for brokers that require "
                       "one (mutual TLS). After a change, new connections use the new certificate.",
               .example = "/run/secrets/kafka-client.pem"},
              Path(), kKafka, kSecurity, &SecurityOptions::certificate_file, kPathOf),
      Declare({.key = "kafka.security.key_file",
               .env = "KAFKA_SSL_KEY_FILE",
               .text = "PEM file with the private key of kafka.security.certificate_file.",
               .example = "/run/secrets/kafka-client.key"},
              Path(), kKafka, kSecurity, &SecurityOptions::key_file, kPathOf),
      Declare({.key = "kafka.security.key_password_file",
               .env = "KAFKA_SSL_KEY_PASSWORD_FILE",
               .text = "File with the password of kafka.security.key_file, if that key is encrypted.",
               .example = "/run/secrets/kafka-client.key-password"},
              Path(), kKafka, kSecurity, &SecurityOptions::key_password_file, kPathOf),
      Declare({.key = "kafka.security.endpoint_check",
               .env = "KAFKA_SSL_ENDPOINT_CHECK",
               .text = "Check of a broker's certificate in addition to its authority. hostname: the "
                       "certificate must be made for the host that was connected to. none: anyone with a "
                       "certificate of the same authority is accepted as a broker.",
               .example = "none"},
              Choice<bool>{.fallback = true, .words = {{"hostname", true}, {"none", false}}}, kKafka,
              kSecurity, &SecurityOptions::check_hostname),
      Declare(
          {.key = "kafka.security.oauth_source",
           .env = "KAFKA_OAUTH_SOURCE",
           .text = "Source of the tokens for OAUTHBEARER. file: another program keeps "
                   "kafka.security.oauth_token_file up to date. oidc: a token endpoint issues them for a "
                   "client id and secret. aws_msk_iam: they are made from AWS credentials, for Amazon MSK "
                   "with IAM.",
           .example = "oidc"},
          OrUnset<Choice<OauthSource>>{.kind = {.fallback = {},
                                                .words = {{"file", OauthSource::kFile},
                                                          {"oidc", OauthSource::kOidc},
                                                          {"aws_msk_iam", OauthSource::kAwsMskIam}}}},
          kOauth, &OauthSettings::source),
      Declare({.key = "kafka.security.oauth_token_file",
               .env = "KAFKA_OAUTH_TOKEN_FILE",
               .text = "File with the token. It is read again when it changes and before the token expires.",
               .example = "/run/secrets/kafka-token"},
              Path(), kOauth, &OauthSettings::token_file),
      Declare(
          {.key = "kafka.security.oauth_token_url",
           .env = "KAFKA_OAUTH_TOKEN_URL",
           .text = "Token endpoint of the identity provider, for the client credentials grant. It must be "
                   "https, except for localhost and 127.0.0.1.",
           .example = "https://login.example.com/oauth2/token"},
          Text{.fallback = "", .allowed = "an https:// URL, or empty", .read = ReadTokenUrl}, kOauth,
          &OauthSettings::token_url),
      Declare({.key = "kafka.security.oauth_ca_file",
               .env = "KAFKA_OAUTH_CA_FILE",
               .text = "PEM file with the certificate authorities that may sign the token endpoint's "
                       "certificate. Empty means the authorities of the system.",
               .example = "/run/secrets/login-ca.pem"},
              Path(), kOauth, &OauthSettings::ca_file),
      Declare({.key = "kafka.security.oauth_client_id",
               .env = "KAFKA_OAUTH_CLIENT_ID",
               .text = "Client id for the token endpoint.",
               .example = "event-ingestor"},
              ShortText(), kOauth, &OauthSettings::client_id),
      Declare({.key = "kafka.security.oauth_client_secret_file",
               .env = "KAFKA_OAUTH_CLIENT_SECRET_FILE",
               .text = "File with the client secret for the token endpoint. It is read again for each token.",
               .example = "/run/secrets/login-secret"},
              Path(), kOauth, &OauthSettings::client_secret_file),
      Declare({.key = "kafka.security.oauth_scope",
               .env = "KAFKA_OAUTH_SCOPE",
               .text = "Scope to request from the token endpoint; separate several scopes by spaces.",
               .example = "https://namespace.servicebus.windows.net/.default"},
              ShortText(), kOauth, &OauthSettings::scope),
      Declare(
          {.key = "kafka.security.oauth_extensions",
           .env = "KAFKA_OAUTH_EXTENSIONS",
           .text =
               "SASL extensions that are sent to the broker with the token; Confluent Cloud requires them.",
           .example = "logicalCluster=lkc-1,identityPoolId=pool-1"},
          Text{.fallback = "",
               .allowed = "name=value, separated by commas, names of letters; or empty",
               .read = ReadExtensions},
          kOauth, &OauthSettings::extensions),
      Declare({.key = "kafka.security.aws_region",
               .env = "AWS_REGION",
               .text = "Region of the Amazon MSK cluster, for kafka.security.oauth_source aws_msk_iam.",
               .example = "eu-central-1"},
              Text{.fallback = "", .allowed = "a-z 0-9 -, at most 32, or empty", .read = ReadAwsRegion},
              kOauth, &OauthSettings::aws_region),
  };
}

}  // namespace ei::service
