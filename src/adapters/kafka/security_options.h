#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "delivery/token_source.h"
#include "system/secret_file.h"

namespace ei::kafka {

using system::ReadSecret;
using system::SecretFile;

inline constexpr std::string_view kOauthBearer = "OAUTHBEARER";

// How client and brokers authenticate each other. Empty: not used.
struct SecurityOptions {
  std::string protocol = "PLAINTEXT";    // or SSL, SASL_PLAINTEXT, SASL_SSL
  std::optional<std::string> mechanism;  // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER

  std::string username;  // PLAIN and SCRAM
  std::string password;  // for PLAIN and SCRAM, if it isn't in a file
  SecretFile password_file{{}, "kafka.security.password_file"};

  std::shared_ptr<TokenSource> tokens;  // OAUTHBEARER
  std::vector<SecretFile> token_files;  // when one of these changes, a new token is fetched

  // CAs of the brokers' certificates; empty: the system's CAs
  SecretFile ca_file{{}, "kafka.security.ca_file"};
  // The client's certificate, for mutual TLS.
  SecretFile certificate_file{{}, "kafka.security.certificate_file"};
  SecretFile key_file{{}, "kafka.security.key_file"};
  SecretFile key_password_file{{}, "kafka.security.key_password_file"};
  bool check_hostname = true;  // whether a broker's certificate must match the host name

  bool Secured() const { return protocol != "PLAINTEXT"; }
  bool UsesTls() const { return protocol == "SSL" || protocol == "SASL_SSL"; }
  bool UsesSasl() const { return protocol.starts_with("SASL_"); }
  bool UsesTokens() const { return UsesSasl() && tokens != nullptr; }
};

}  // namespace ei::kafka
