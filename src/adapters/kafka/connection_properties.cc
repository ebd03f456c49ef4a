#include "adapters/kafka/connection_properties.h"

#include <array>
#include <chrono>

namespace ei::kafka {

namespace {

// The broker reads the principal from the token; librdkafka requires a name too.
constexpr const char* kPrincipal = "event-ingestor";

bool IsSecret(std::string_view property) { return property.find("password") != std::string_view::npos; }

base::Result<void> AddTls(const SecurityOptions& security, Properties& properties) {
  properties.emplace_back("ssl.endpoint.identification.algorithm",
                          security.check_hostname ? "https" : "none");
  const std::pair<const SecretFile*, const char*> files[] = {
      {&security.ca_file, "ssl.ca.location"},
      {&security.certificate_file, "ssl.certificate.location"},
      {&security.key_file, "ssl.key.location"},
  };
  for (const auto& [file, property] : files) {
    if (!file->Set()) continue;
    // Read only so that the error message can name the setting.
    if (auto content = ReadSecret(*file); !content) return std::unexpected(content.error());
    properties.emplace_back(property, file->path);
  }
  if (security.key_password_file.Set()) {
    auto password = ReadSecret(security.key_password_file);
    if (!password) return std::unexpected(password.error());
    properties.emplace_back("ssl.key.password", std::move(*password));
  }
  return {};
}

base::Result<void> AddSasl(const SecurityOptions& security, Properties& properties) {
  properties.emplace_back("sasl.mechanism", security.mechanism.value_or(""));
  if (security.UsesTokens()) return {};
  properties.emplace_back("sasl.username", security.username);
  base::Result<std::string> password = security.password;
  if (security.password_file.Set()) password = ReadSecret(security.password_file);
  if (!password) return std::unexpected(password.error());
  properties.emplace_back("sasl.password", std::move(*password));
  return {};
}

}  // namespace

base::Result<Properties> ConnectionProperties(const KafkaOptions& options) {
  const SecurityOptions& security = options.security;
  Properties properties = {
      {"bootstrap.servers", options.brokers},   {"client.id", "event-ingestor"},
      {"security.protocol", security.protocol}, {"socket.keepalive.enable", "true"},
      {"socket.nagle.disable", "true"},         {"reconnect.backoff.max.ms", "2000"},
      {"connections.max.idle.ms", "180000"},  // shorter than the limits of load balancers (Azure: 240 s)
  };
  if (security.UsesTls()) {
    if (auto added = AddTls(security, properties); !added) return std::unexpected(added.error());
  }
  if (security.UsesSasl()) {
    if (auto added = AddSasl(security, properties); !added) return std::unexpected(added.error());
  }
  return properties;
}

base::Result<void> SetProperties(rd_kafka_conf_t* conf, const Properties& properties) {
  std::array<char, 512> fault{};
  for (const auto& [name, value] : properties) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), fault.data(), fault.size()) ==
        RD_KAFKA_CONF_OK) {
      continue;
    }
    std::string message = "the Kafka client rejects " + name;
    if (!IsSecret(name)) message.append("=").append(value).append(": ").append(fault.data());
    return base::Fail(base::ErrorKind::kInvalid, std::move(message));
  }
  return {};
}

base::Result<void> SetToken(rd_kafka_t* client, const AccessToken& token) {
  std::vector<const char*> extensions;
  for (const auto& [name, value] : token.extensions) {
    extensions.push_back(name.c_str());
    extensions.push_back(value.c_str());
  }
  const auto expires =
      std::chrono::duration_cast<std::chrono::milliseconds>(token.expires_at.time_since_epoch());
  std::array<char, 512> fault{};
  if (rd_kafka_oauthbearer_set_token(client, token.value.c_str(), expires.count(), kPrincipal,
                                     extensions.data(), extensions.size(), fault.data(),
                                     fault.size()) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    return {};
  }
  return base::Fail(base::ErrorKind::kInvalid,
                    std::string("the Kafka client rejects the token: ") + fault.data());
}

}  // namespace ei::kafka
