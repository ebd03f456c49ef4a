#include "settings/security_checks.h"

#include <gtest/gtest.h>

#include <string>

namespace ei::service {
namespace {

// The keys of the conflicts, "key / other" each.
std::vector<std::string> Conflicts(const KafkaSecuritySettings& security) {
  std::vector<SettingConflict> conflicts;
  FindSecurityConflicts(security, conflicts);
  std::vector<std::string> keys;
  for (const SettingConflict& conflict : conflicts) {
    EXPECT_FALSE(conflict.message.empty());
    keys.push_back(std::string(conflict.key.substr(15)) + " / " + std::string(conflict.other.substr(15)));
  }
  return keys;
}

using Keys = std::vector<std::string>;

KafkaSecuritySettings Sasl(SaslMechanism mechanism) {
  KafkaSecuritySettings security;
  security.protocol = SecurityProtocol::kSaslSsl;
  security.mechanism = mechanism;
  return security;
}

TEST(SecurityConflicts, ProtocolAndMechanismBelongTogether) {
  KafkaSecuritySettings security;
  EXPECT_EQ(Conflicts(security), Keys{});
  security.mechanism = SaslMechanism::kPlain;
  EXPECT_EQ(Conflicts(security), Keys{"mechanism / protocol"});
  security.mechanism.reset();
  security.protocol = SecurityProtocol::kSaslPlaintext;
  EXPECT_EQ(Conflicts(security), Keys{"mechanism / protocol"});
}

TEST(SecurityConflicts, FilesOfTlsNeedTls) {
  for (auto member : {&KafkaSecuritySettings::ca_file, &KafkaSecuritySettings::key_file,
                      &KafkaSecuritySettings::certificate_file}) {
    KafkaSecuritySettings security;
    security.*member = "/file";
    ASSERT_EQ(Conflicts(security).size(), 1U);
    security.protocol = SecurityProtocol::kSsl;
    security.certificate_file = security.key_file = "/file";
    EXPECT_EQ(Conflicts(security), Keys{});
  }
  KafkaSecuritySettings security;
  security.protocol = SecurityProtocol::kSsl;
  security.key_file = "/key";
  EXPECT_EQ(Conflicts(security), Keys{"certificate_file / key_file"});
}

TEST(SecurityConflicts, APasswordComesFromOnePlace) {
  KafkaSecuritySettings security = Sasl(SaslMechanism::kScramSha512);
  EXPECT_EQ(Conflicts(security), (Keys{"username / mechanism", "password_file / mechanism"}));
  security.username = "u";
  security.password = "p";
  EXPECT_EQ(Conflicts(security), Keys{});
  security.password_file = "/p";
  EXPECT_EQ(Conflicts(security), Keys{"password_file / password"});
}

TEST(SecurityConflicts, EachSourceOfTokensNeedsItsOwn) {
  KafkaSecuritySettings security = Sasl(SaslMechanism::kOauthBearer);
  EXPECT_EQ(Conflicts(security), Keys{"oauth_source / mechanism"});
  security.oauth_source = OauthSource::kFile;
  EXPECT_EQ(Conflicts(security), Keys{"oauth_token_file / oauth_source"});
  security.oauth_token_file = "/t";
  EXPECT_EQ(Conflicts(security), Keys{});
  security.oauth_source = OauthSource::kOidc;
  EXPECT_EQ(Conflicts(security), (Keys{"oauth_token_url / oauth_source", "oauth_client_id / oauth_source",
                                       "oauth_client_secret_file / oauth_source"}));
  security.oauth_token_url = security.oauth_client_id = security.oauth_client_secret_file = "x";
  EXPECT_EQ(Conflicts(security), Keys{});
  security.oauth_source = OauthSource::kAwsMskIam;
  EXPECT_EQ(Conflicts(security), Keys{"aws_region / oauth_source"});
  security.aws_region = "eu-central-1";
  EXPECT_EQ(Conflicts(security), Keys{});
  security.protocol = SecurityProtocol::kSaslPlaintext;
  EXPECT_EQ(Conflicts(security), Keys{"protocol / oauth_source"});
}

}  // namespace
}  // namespace ei::service
