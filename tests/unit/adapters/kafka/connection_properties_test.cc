#include "adapters/kafka/connection_properties.h"

#include <gtest/gtest.h>

#include <map>

#include "support/temp_folder.h"

namespace ei::kafka {
namespace {

class ConnectionPropertiesTest : public testing::Test {
 protected:
  SecretFile File(const std::string& name, const std::string& content) const {
    support::WriteFile(folder_.Path() / name, content);
    return {(folder_.Path() / name).string(), "setting"};
  }
  std::map<std::string, std::string> Made() const {
    const auto properties = ConnectionProperties(options_);
    if (!properties) return {{"error", properties.error().message}};
    return {properties->begin(), properties->end()};
  }

  support::TempFolder folder_;
  KafkaOptions options_;
};

TEST_F(ConnectionPropertiesTest, WithoutSecurityNoSecurityPropertyIsSet) {
  const auto made = Made();
  EXPECT_EQ(made.at("security.protocol"), "PLAINTEXT");
  for (const auto& [name, value] : made) {
    EXPECT_FALSE(name.starts_with("ssl.") || name.starts_with("sasl.")) << name;
  }
}

TEST_F(ConnectionPropertiesTest, PasswordsComeFromTheirFiles) {
  options_.security.protocol = "SASL_SSL";
  options_.security.mechanism = "SCRAM-SHA-512";
  options_.security.username = "me";
  options_.security.password_file = File("password", "s3cret\n");
  options_.security.ca_file = File("ca", "pem");
  options_.security.key_password_file = File("key-password", "k3y\n");
  options_.security.check_hostname = false;
  const auto made = Made();
  EXPECT_EQ(made.at("sasl.username"), "me");
  EXPECT_EQ(made.at("sasl.password"), "s3cret");
  EXPECT_EQ(made.at("ssl.key.password"), "k3y");
  EXPECT_EQ(made.at("ssl.ca.location"), options_.security.ca_file.path);
  EXPECT_EQ(made.at("ssl.endpoint.identification.algorithm"), "none");
  EXPECT_FALSE(made.contains("ssl.certificate.location"));
}

TEST_F(ConnectionPropertiesTest, AMissingFileIsNamedWithItsSetting) {
  options_.security.protocol = "SSL";
  options_.security.ca_file = {"/nonexistent/ca", "kafka.security.ca_file"};
  EXPECT_TRUE(Made().at("error").starts_with("kafka.security.ca_file: /nonexistent/ca can't be read"))
      << Made().at("error");
}

TEST(SetProperties, ARejectedSecretIsNotShown) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const auto shown = SetProperties(conf, {{"acks", "many"}});
  EXPECT_NE(shown.error().message.find("acks=many"), std::string::npos);
  const auto hidden = SetProperties(conf, {{"no.such.password", "s3cret"}});
  ASSERT_FALSE(hidden);
  EXPECT_EQ(hidden.error().message, "the Kafka client rejects no.such.password");
  rd_kafka_conf_destroy(conf);
}

}  // namespace
}  // namespace ei::kafka
