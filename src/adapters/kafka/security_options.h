#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kafka/secret_file.h"
#include "delivery/token_source.h"

namespace ei::kafka {

// How the brokers know the client and the client the brokers. Empty: not used.
struct SecurityOptions {
  std::string protocol = "PLAINTEXT";  // or SSL, SASL_PLAINTEXT, SASL_SSL
  std::string mechanism;               // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER

  std::string username;  // PLAIN and SCRAM
  std::string password;  // of these, where it isn't in a file
  SecretFile password_file;

  std::shared_ptr<TokenSource> tokens;  // OAUTHBEARER
  std::vector<SecretFile> token_files;  // a change of one of these makes a new token worth fetching

  SecretFile ca_file;           // of the brokers' certificates; empty: the system's
  SecretFile certificate_file;  // the client's own, for mutual TLS
  SecretFile key_file;
  SecretFile key_password_file;
  bool check_hostname = true;  // whether a broker's certificate has to name the host that was connected to

  bool Secured() const { return protocol != "PLAINTEXT"; }
  bool UsesTls() const { return protocol == "SSL" || protocol == "SASL_SSL"; }
  bool UsesSasl() const { return protocol.starts_with("SASL_"); }
  bool UsesTokens() const { return UsesSasl() && tokens != nullptr; }
};

}  // namespace ei::kafka
