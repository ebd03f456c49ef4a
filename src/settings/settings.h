#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "event/ack_level.h"

namespace ei::service {

// All settings of the service, after flag, environment, file and default have been merged and validated.
// table.cc and kafka_security_rows.cc declare each member once, with its names, default, range and help text.
// The initializers here are not the defaults; DefaultSettings() returns them. Times are whole microseconds,
// sizes are bytes.

enum class SinkKind { kKafka, kFile };
enum class Compression { kNone, kGzip, kSnappy, kLz4, kZstd };
enum class LogLevel { kDebug, kInfo, kWarn, kError };

struct HttpSettings {
  std::string address;
  std::uint16_t port = 0;
  std::uint32_t threads = 0;  // 0: one per core
  std::uint32_t connections_max = 0;
  std::uint64_t header_bytes_max = 0;
  std::chrono::microseconds request_timeout{};
  std::chrono::microseconds idle_timeout{};
  std::uint64_t inflight_bytes_max = 0;
  std::uint32_t clients_max = 0;  // 0: clients are not distinguished
  std::string trusted_proxies;    // networks, separated by commas
};

enum class AdminAuth { kNone, kClients };

struct AdminSettings {
  std::optional<std::uint16_t> port;  // unset: the operational routes are on http.port
  AdminAuth auth = AdminAuth::kNone;
};

// An empty path or text is unset.
struct AuthSettings {
  std::string methods = "none";  // or some of "keys", "jwt", "mtls", separated by commas
  std::string clients_file;
  std::string jwks_file;
  std::string jwks_url;
  std::string jwks_ca_file;
  std::string jwt_issuer;
  std::string jwt_audience;
  std::string jwt_client_claim;
  std::chrono::microseconds jwt_leeway{};

  bool Any() const { return methods != "none"; }
  // No method is a part of another's name.
  bool Uses(std::string_view method) const { return methods.find(method) != std::string::npos; }
};

struct IngestSettings {
  AckLevel ack = AckLevel::kMemory;
  AckLevel ack_min = AckLevel::kMemory;
  std::chrono::microseconds ack_timeout{};
  std::uint64_t body_bytes_max = 0;
  std::uint32_t batch_events_max = 0;
  std::uint64_t event_bytes_max = 0;
  std::uint32_t depth_max = 0;
};

struct IdempotencySettings {
  std::uint64_t events = 0;  // 0: off
  std::chrono::microseconds time{};
};

struct RateLimitSettings {
  double rps = 0;  // events per second; 0: off
  std::uint64_t burst = 0;
};

struct JournalSettings {
  std::uint64_t events_max = 0;
  std::uint64_t bytes_max = 0;
};

struct WalSettings {
  std::string dir;
  std::uint64_t bytes_max = 0;
};

struct SinkSettings {
  SinkKind kind = SinkKind::kKafka;
};

struct FileSettings {
  std::string dir;
};

struct KafkaSettings {
  std::string brokers;  // host:port,host:port without spaces
  std::string topic;
  std::string dlq_topic;
  std::string key;  // "id", "none", "header", or a checked JSON Pointer
  std::optional<std::string> routes_file;
  std::uint32_t max_retries = 0;
  std::chrono::microseconds retry_backoff{};
  std::chrono::microseconds unknown_topic_grace{};
  std::chrono::microseconds write_timeout{};
  std::chrono::microseconds linger{};
  Compression compression = Compression::kNone;
  bool client_header = false;
};

enum class SecurityProtocol { kPlaintext, kSsl, kSaslPlaintext, kSaslSsl };
enum class SaslMechanism { kPlain, kScramSha256, kScramSha512, kOauthBearer };
enum class EndpointCheck { kHostname, kNone };
enum class OauthSource { kFile, kOidc, kAwsMskIam };

// An empty path is unset.
struct KafkaSecuritySettings {
  SecurityProtocol protocol = SecurityProtocol::kPlaintext;
  std::optional<SaslMechanism> mechanism;
  std::string username;
  std::string password;
  std::string password_file;
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  std::string key_password_file;
  EndpointCheck endpoint_check = EndpointCheck::kHostname;
  std::optional<OauthSource> oauth_source;
  std::string oauth_token_file;
  std::string oauth_token_url;
  std::string oauth_ca_file;
  std::string oauth_client_id;
  std::string oauth_client_secret_file;
  std::string oauth_scope;
  std::string oauth_extensions;  // name=value,name=value
  std::string aws_region;

  bool UsesTls() const {
    return protocol == SecurityProtocol::kSsl || protocol == SecurityProtocol::kSaslSsl;
  }
  bool UsesSasl() const {
    return protocol == SecurityProtocol::kSaslPlaintext || protocol == SecurityProtocol::kSaslSsl;
  }
};

struct DeadLetterSettings {
  std::string dir;
  std::uint64_t bytes_max = 0;
};

struct DeliverySettings {
  std::uint32_t workers = 0;  // 0: one per core, at most 4
};

struct ShutdownSettings {
  std::chrono::microseconds delay{};
  std::chrono::microseconds timeout{};
};

struct LogSettings {
  LogLevel level = LogLevel::kInfo;
};

struct Settings {
  HttpSettings http;
  AdminSettings admin;
  AuthSettings auth;
  IngestSettings ingest;
  IdempotencySettings idempotency;
  RateLimitSettings rate_limit;
  JournalSettings journal;
  WalSettings wal;
  SinkSettings sink;
  FileSettings file;
  KafkaSettings kafka;
  KafkaSecuritySettings kafka_security;
  DeadLetterSettings dead_letter;
  DeliverySettings delivery;
  ShutdownSettings shutdown;
  LogSettings log;
};

// Returns whether ack level wal is configured, so that the journal has to be the write-ahead log.
inline bool JournalIsWal(const Settings& settings) {
  return settings.ingest.ack == AckLevel::kWal || settings.ingest.ack_min == AckLevel::kWal;
}

}  // namespace ei::service
