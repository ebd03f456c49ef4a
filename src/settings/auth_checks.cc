#include "settings/auth_checks.h"

#include <string>
#include <string_view>
#include <utility>

namespace ei::service {

namespace {

constexpr std::string_view kMethods = "auth.methods";

class Checks {
 public:
  Checks(const Settings& settings, std::vector<SettingConflict>& conflicts)
      : settings_(settings), auth_(settings.auth), conflicts_(conflicts) {}

  void Run() {
    for (const std::string_view method : {"keys", "mtls"}) {
      if (auth_.Uses(method) && auth_.clients_file.empty()) {
        Add("auth.clients_file", "is not set, but auth.methods has " + std::string(method) +
                                     "; set the file that says which clients there are");
        break;
      }
    }
    if (!auth_.Any() && !auth_.clients_file.empty()) {
      Add("auth.clients_file",
          "has no effect, because auth.methods is none; name the methods, or leave it unset");
    }
    Tokens();
    Tls();
    if (!auth_.Any() && settings_.http.admin_auth) {
      Add("admin.auth",
          "has no effect, because auth.methods is none; name the methods, or use none here too");
    }
    if (auth_.Any() && settings_.shares.clients_max == 0) {
      Add("http.clients_max", "is 0, but the limits of clients need it; use at least the number of clients");
    }
  }

 private:
  void Add(std::string_view key, std::string message) {
    conflicts_.push_back({key, kMethods, std::move(message)});
  }

  void Tls() {
    const http::TlsOptions& tls = settings_.http.tls;
    constexpr std::string_view kCertificate = "http.tls.certificate_file";
    constexpr std::string_view kClientAuth = "http.tls.client_auth";
    if (tls.certificate_file.empty() != tls.key_file.empty()) {
      conflicts_.push_back({kCertificate, "http.tls.key_file",
                            "needs http.tls.key_file, and the reverse; set both for TLS, or none"});
    }
    const bool checks_clients = tls.client_auth != http::ClientAuth::kOff;
    if (checks_clients && !tls.Enabled()) {
      conflicts_.push_back(
          {kClientAuth, kCertificate, "has no effect without TLS; set http.tls.certificate_file"});
    }
    if (checks_clients && tls.client_ca_file.empty()) {
      conflicts_.push_back({"http.tls.client_ca_file", kClientAuth,
                            "is not set, but http.tls.client_auth checks certificates; set the authorities"});
    }
    if (!checks_clients && !tls.client_ca_file.empty()) {
      conflicts_.push_back({"http.tls.client_ca_file", kClientAuth,
                            "has no effect, because http.tls.client_auth is off; use optional or required"});
    }
    if (auth_.Uses("mtls") && !checks_clients) {
      Add(kClientAuth, "is off, but auth.methods has mtls; use optional or required");
    }
    if (settings_.http.proxy_protocol == http::ProxyProtocol::kRequired &&
        settings_.http.trusted_proxies.empty()) {
      conflicts_.push_back({"http.trusted_proxies", "http.proxy_protocol",
                            "is empty, so nobody could connect; name the balancers that send the header"});
    }
  }

  // The issuer and the audience are not optional: without them, tokens for other services would be accepted.
  void Tokens() {
    const bool has_keys = !auth_.jwks_file.empty() || !auth_.jwks_url.empty();
    if (!auth_.Uses("jwt")) {
      if (has_keys) {
        Add(auth_.jwks_file.empty() ? "auth.jwks_url" : "auth.jwks_file",
            "has no effect, because auth.methods has no jwt; add it, or leave this unset");
      }
      return;
    }
    if (!has_keys) {
      Add("auth.jwks_url", "is not set, nor is auth.jwks_file, but auth.methods has jwt; set one of them");
    }
    if (!auth_.jwks_file.empty() && !auth_.jwks_url.empty()) {
      conflicts_.push_back(
          {"auth.jwks_url", "auth.jwks_file", "is set, and auth.jwks_file too; set one of them"});
    }
    if (auth_.jwt_issuer.empty()) {
      Add("auth.jwt_issuer",
          "is not set, but auth.methods has jwt; set the issuer whose tokens are accepted");
    }
    if (auth_.jwt_audience.empty()) {
      Add("auth.jwt_audience",
          "is not set, but auth.methods has jwt; set the audience that tokens for this service have");
    }
  }

  const Settings& settings_;
  const AuthSettings& auth_;
  std::vector<SettingConflict>& conflicts_;
};

}  // namespace

void FindAuthConflicts(const Settings& settings, std::vector<SettingConflict>& conflicts) {
  Checks(settings, conflicts).Run();
}

}  // namespace ei::service
