#include "settings/security_checks.h"

#include <gtest/gtest.h>

#include <string>

namespace ei::service {
namespace {

// The keys of the conflicts, "key / other" each.
std::vector<std::string> Conflicts(const Settings& settings) {
  std::vector<SettingConflict> conflicts;
  FindSecurityConflicts(settings, conflicts);
  std::vector<std::string> keys;
  for (const SettingConflict& conflict : conflicts) {
    EXPECT_FALSE(conflict.message.empty());
    keys.push_back(std::string(conflict.key.substr(15)) + " / " + std::string(conflict.other.substr(15)));
  }
  return keys;
}

using Keys = std::vector<std::string>;

Settings Sasl(std::string_view mechanism) {
  Settings settings;
  settings.kafka.security.protocol = "SASL_SSL";
  settings.kafka.security.mechanism = mechanism;
  return settings;
}

TEST(SecurityConflicts, ProtocolAndMechanismBelongTogether) {
  Settings settings;
  kafka::SecurityOptions& security = settings.kafka.security;
  EXPECT_EQ(Conflicts(settings), Keys{});
  security.mechanism = "PLAIN";
  EXPECT_EQ(Conflicts(settings), Keys{"mechanism / protocol"});
  security.mechanism.reset();
  security.protocol = "SASL_PLAINTEXT";
  EXPECT_EQ(Conflicts(settings), Keys{"mechanism / protocol"});
}

TEST(SecurityConflicts, FilesOfTlsNeedTls) {
  for (auto member : {&kafka::SecurityOptions::ca_file, &kafka::SecurityOptions::key_file,
                      &kafka::SecurityOptions::certificate_file}) {
    Settings settings;
    kafka::SecurityOptions& security = settings.kafka.security;
    (security.*member).path = "/file";
    ASSERT_EQ(Conflicts(settings).size(), 1U);
    security.protocol = "SSL";
    security.certificate_file.path = security.key_file.path = "/file";
    EXPECT_EQ(Conflicts(settings), Keys{});
  }
  Settings settings;
  kafka::SecurityOptions& security = settings.kafka.security;
  security.protocol = "SSL";
  security.key_file.path = "/key";
  EXPECT_EQ(Conflicts(settings), Keys{"certificate_file / key_file"});
}

TEST(SecurityConflicts, APasswordComesFromOnePlace) {
  Settings settings = Sasl("SCRAM-SHA-512");
  kafka::SecurityOptions& security = settings.kafka.security;
  EXPECT_EQ(Conflicts(settings), (Keys{"username / mechanism", "password_file / mechanism"}));
  security.username = "u";
  security.password = "p";
  EXPECT_EQ(Conflicts(settings), Keys{});
  security.password_file.path = "/p";
  EXPECT_EQ(Conflicts(settings), Keys{"password_file / password"});
}

TEST(SecurityConflicts, EachSourceOfTokensNeedsItsOwn) {
  Settings settings = Sasl(kafka::kOauthBearer);
  kafka::SecurityOptions& security = settings.kafka.security;
  EXPECT_EQ(Conflicts(settings), Keys{"oauth_source / mechanism"});
  settings.oauth.source = OauthSource::kFile;
  EXPECT_EQ(Conflicts(settings), Keys{"oauth_token_file / oauth_source"});
  settings.oauth.token_file = "/t";
  EXPECT_EQ(Conflicts(settings), Keys{});
  settings.oauth.source = OauthSource::kOidc;
  EXPECT_EQ(Conflicts(settings), (Keys{"oauth_token_url / oauth_source", "oauth_client_id / oauth_source",
                                       "oauth_client_secret_file / oauth_source"}));
  settings.oauth.token_url = settings.oauth.client_id = settings.oauth.client_secret_file = "x";
  EXPECT_EQ(Conflicts(settings), Keys{});
  settings.oauth.source = OauthSource::kAwsMskIam;
  EXPECT_EQ(Conflicts(settings), Keys{"aws_region / oauth_source"});
  settings.oauth.aws_region = "eu-central-1";
  EXPECT_EQ(Conflicts(settings), Keys{});
  security.protocol = "SASL_PLAINTEXT";
  EXPECT_EQ(Conflicts(settings), Keys{"protocol / oauth_source"});
}

}  // namespace
}  // namespace ei::service
