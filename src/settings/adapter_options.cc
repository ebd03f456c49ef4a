#include "settings/adapter_options.h"

#include <utility>

#include "settings/cores.h"
#include "settings/file_limit.h"
#include "settings/kafka_security.h"

namespace ei::service {

namespace {

std::string_view Name(Compression compression) {
  switch (compression) {
    case Compression::kNone: return "none";
    case Compression::kGzip: return "gzip";
    case Compression::kSnappy: return "snappy";
    case Compression::kLz4: return "lz4";
    case Compression::kZstd: return "zstd";
  }
  return "none";
}

}  // namespace

std::vector<kafka::TopicOptions> TopicOptionsOf(const Routing& routing) {
  std::vector<kafka::TopicOptions> topics;
  for (const TopicSettings& topic : routing.topics) {
    const std::string_view compression = topic.compression ? Name(*topic.compression) : std::string_view();
    topics.push_back({topic.name, std::string(compression), topic.dlq_topic});
  }
  return topics;
}

kafka::KafkaOptions KafkaOptionsOf(const Settings& settings, size_t lanes,
                                   std::vector<kafka::TopicOptions> topics, const Clock& clock) {
  kafka::KafkaOptions options;
  options.brokers = settings.kafka.brokers;
  options.security = SecurityOptionsOf(settings.kafka_security, clock);
  options.topic = settings.kafka.topic;
  options.dlq_topic = settings.kafka.dlq_topic;
  options.topics = std::move(topics);
  options.write_timeout = settings.kafka.write_timeout;
  options.unknown_topic_grace = settings.kafka.unknown_topic_grace;
  options.compression = Name(settings.kafka.compression);
  options.event_bytes_max = settings.ingest.event_bytes_max;
  options.lanes = lanes;
  return options;
}

http::HttpOptions HttpOptionsOf(const Settings& settings) {
  http::HttpOptions options;
  options.address = settings.http.address;
  options.port = settings.http.port;
  options.admin_port = settings.admin.port;
  options.admin_auth = settings.admin.auth == AdminAuth::kClients;
  options.threads = settings.http.threads > 0 ? settings.http.threads : Cores();
  options.connections_max = settings.http.connections_max;
  options.refused_connections_max = RefusedConnectionsMax(settings.http.connections_max);
  options.header_bytes_max = settings.http.header_bytes_max;
  options.body_bytes_max = settings.ingest.body_bytes_max;
  options.inflight_bytes_max = settings.http.inflight_bytes_max;
  options.request_timeout = settings.http.request_timeout;
  options.idle_timeout = settings.http.idle_timeout;
  options.ack_timeout = settings.ingest.ack_timeout;
  options.trusted_proxies = http::TrustedProxies::Parse(settings.http.trusted_proxies).value();
  return options;
}

json::DecoderOptions DecoderOptionsOf(const Settings& settings) {
  json::DecoderOptions options;
  options.depth_max = settings.ingest.depth_max;
  options.batch_events_max = settings.ingest.batch_events_max;
  options.event_bytes_max = settings.ingest.event_bytes_max;
  return options;
}

}  // namespace ei::service
