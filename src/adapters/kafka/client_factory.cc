#include "adapters/kafka/client_factory.h"

#include <array>
#include <string>
#include <utility>

#include "adapters/kafka/failure_table.h"

namespace ei::kafka {

base::Result<RdKafkaHandle> ClientFactory::Make(rd_kafka_type_t type, const Properties& properties) {
  auto all = ConnectionProperties(options_);
  if (!all) return std::unexpected(all.error());
  all->emplace_back("log.queue", "true");
  all->insert(all->end(), properties.begin(), properties.end());
  all->insert(all->end(), options_.properties.begin(), options_.properties.end());
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  if (auto set = SetProperties(conf, *all); !set) {
    rd_kafka_conf_destroy(conf);
    return std::unexpected(set.error());
  }
  rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR |
                                     RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_OAUTHBEARER_TOKEN_REFRESH);
  std::array<char, 512> fault{};
  rd_kafka_t* const client = rd_kafka_new(type, conf, fault.data(), fault.size());
  if (client == nullptr) {
    rd_kafka_conf_destroy(conf);
    return base::Fail(base::ErrorKind::kInvalid,
                      std::string("the Kafka client can't start: ") + fault.data());
  }
  RdKafkaHandle handle(client, &rd_kafka_destroy);
  rd_kafka_set_log_queue(client, nullptr);
  if (type == RD_KAFKA_CONSUMER) rd_kafka_poll_set_consumer(client);
  const base::MutexLock lock(mutex_);
  clients_.push_back(handle);
  if (token_) {
    if (auto taken = SetToken(client, *token_); !taken) return std::unexpected(taken.error());
  }
  return handle;
}

void ClientFactory::HandleEvent(rd_kafka_event_t* event) {
  const auto type = rd_kafka_event_type(event);
  if (type == RD_KAFKA_EVENT_LOG) {
    const char* facility = nullptr;
    const char* text = nullptr;
    int level = 0;
    if (rd_kafka_event_log(event, &facility, &text, &level) != 0) return;
    // These are also reported as error events or returned by a call.
    if (level > 3 || std::string_view(facility) == "FAIL" || std::string_view(facility) == "TXNERR") return;
    return log_.Write(LogLevel::kWarn, "kafka", "librdkafka", {{"detail", std::string_view(text)}});
  }
  if (type != RD_KAFKA_EVENT_ERROR) return;
  const rd_kafka_resp_err_t error = rd_kafka_event_error(event);
  const std::string_view detail = rd_kafka_event_error_string(event);
  const ClientFault fault = ClassifyClientFault(error, detail);
  log_.Write(fault.credentials_rejected ? LogLevel::kError : LogLevel::kWarn, "kafka",
             fault.credentials_rejected ? "the credentials are rejected (kafka.security)"
                                        : "waiting for the brokers",
             {{"code", fault.code}, {"detail", detail}});
}

std::vector<RdKafkaHandle> ClientFactory::LiveClients() {
  std::erase_if(clients_, [](const auto& client) { return client.expired(); });
  std::vector<RdKafkaHandle> live;
  for (const auto& client : clients_) {
    if (auto handle = client.lock()) live.push_back(std::move(handle));
  }
  return live;
}

void ClientFactory::OnPassword(const std::string& password) {
  std::vector<RdKafkaHandle> live;
  {
    const base::MutexLock lock(mutex_);
    live = LiveClients();
  }
  for (const RdKafkaHandle& client : live) {
    rd_kafka_error_t* const refused =
        rd_kafka_sasl_set_credentials(client.get(), options_.security.username.c_str(), password.c_str());
    if (refused != nullptr) rd_kafka_error_destroy(refused);
  }
}

base::Result<void> ClientFactory::OnToken(const AccessToken& token) {
  std::vector<RdKafkaHandle> live;
  {
    const base::MutexLock lock(mutex_);
    token_ = token;
    live = LiveClients();
  }
  for (const RdKafkaHandle& client : live) {
    if (auto taken = SetToken(client.get(), token); !taken) return taken;
  }
  return {};
}

}  // namespace ei::kafka
