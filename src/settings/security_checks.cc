#include "settings/security_checks.h"

#include <string>
#include <string_view>
#include <utility>

namespace ei::service {

namespace {

constexpr std::string_view kProtocol = "kafka.security.protocol";
constexpr std::string_view kMechanism = "kafka.security.mechanism";
constexpr std::string_view kSource = "kafka.security.oauth_source";

class Checks {
 public:
  Checks(const Settings& settings, std::vector<SettingConflict>& conflicts)
      : security_(settings.kafka.security), oauth_(settings.oauth), conflicts_(conflicts) {}

  void Run() {
    Protocol();
    if (security_.UsesTls()) Certificates();
    if (!security_.UsesSasl() || !security_.mechanism) return;
    if (*security_.mechanism == kafka::kOauthBearer) {
      Tokens();
    } else {
      Password();
    }
  }

 private:
  void Add(std::string_view key, std::string_view other, std::string message) {
    conflicts_.push_back({key, other, std::move(message)});
  }

  void Need(const std::string& value, std::string_view key, std::string_view other, std::string_view why) {
    if (value.empty()) Add(key, other, std::string("is not set, but ").append(why));
  }

  void Protocol() {
    if (security_.UsesSasl() && !security_.mechanism) {
      Add(kMechanism, kProtocol,
          "is not set, but kafka.security.protocol logs in; set the mechanism that the brokers offer, or "
          "use SSL or PLAINTEXT");
    }
    if (!security_.UsesSasl() && security_.mechanism) {
      Add(kMechanism, kProtocol,
          "has no effect, because kafka.security.protocol doesn't log in; use SASL_SSL (or SASL_PLAINTEXT), "
          "or leave the mechanism unset");
    }
    if (security_.UsesTls()) return;
    for (const auto* file : {&security_.ca_file, &security_.certificate_file, &security_.key_file}) {
      if (!file->Set()) continue;
      return Add(file->setting, kProtocol,
                 "has no effect, because kafka.security.protocol doesn't encrypt; use SSL or SASL_SSL, or "
                 "leave the file unset");
    }
  }

  void Certificates() {
    if (security_.certificate_file.Set() != security_.key_file.Set()) {
      Add("kafka.security.certificate_file", "kafka.security.key_file",
          "needs kafka.security.key_file, and the reverse; set both for mutual TLS, or none");
    }
  }

  void Password() {
    constexpr std::string_view kKey = "kafka.security.password_file";
    Need(security_.username, "kafka.security.username", kMechanism,
         "kafka.security.mechanism needs it; set the user that the brokers know");
    if (security_.password.empty() && !security_.password_file.Set()) {
      Add(kKey, kMechanism,
          "is not set, but kafka.security.mechanism needs a password; name a file that holds it");
    }
    if (!security_.password.empty() && security_.password_file.Set()) {
      Add(kKey, "kafka.security.password",
          "is set together with kafka.security.password; set only one of them");
    }
  }

  void Tokens() {
    if (!oauth_.source) {
      return Add(kSource, kMechanism,
                 "is not set, but kafka.security.mechanism is OAUTHBEARER; set where the tokens come from");
    }
    switch (*oauth_.source) {
      case OauthSource::kFile:
        return Need(oauth_.token_file, "kafka.security.oauth_token_file", kSource,
                    "kafka.security.oauth_source is file; name the file that holds the token");
      case OauthSource::kOidc:
        Need(oauth_.token_url, "kafka.security.oauth_token_url", kSource,
             "kafka.security.oauth_source is oidc; set the token endpoint of the identity provider");
        Need(oauth_.client_id, "kafka.security.oauth_client_id", kSource,
             "kafka.security.oauth_source is oidc; set the client id");
        return Need(oauth_.client_secret_file, "kafka.security.oauth_client_secret_file", kSource,
                    "kafka.security.oauth_source is oidc; name the file that holds the client secret");
      case OauthSource::kAwsMskIam:
        Need(oauth_.aws_region, "kafka.security.aws_region", kSource,
             "kafka.security.oauth_source is aws_msk_iam; set the region of the cluster");
        if (!security_.UsesTls()) {
          Add(kProtocol, kSource, "has to be SASL_SSL when kafka.security.oauth_source is aws_msk_iam");
        }
    }
  }

  const kafka::SecurityOptions& security_;
  const OauthSettings& oauth_;
  std::vector<SettingConflict>& conflicts_;
};

}  // namespace

void FindSecurityConflicts(const Settings& settings, std::vector<SettingConflict>& conflicts) {
  Checks(settings, conflicts).Run();
}

}  // namespace ei::service
