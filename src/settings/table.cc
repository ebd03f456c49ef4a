// Long because: it is the settings table, one row per setting, so that all settings are in one place.

#include "settings/table.h"

#include <algorithm>
#include <array>
#include <limits>

#include "settings/auth_rows.h"
#include "settings/edit_distance.h"
#include "settings/enums.h"
#include "settings/kafka_security_rows.h"
#include "settings/text.h"

namespace ei::service {
namespace {

using namespace std::chrono_literals;

using file_sink::DeadLetterFileOptions;
using http::HttpOptions;
using http::TlsOptions;
using json::DecoderOptions;
using kafka::KafkaOptions;

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kGiB = 1024 * kMiB;
constexpr std::uint64_t kTiB = 1024 * kGiB;

std::vector<Setting> HttpRows() {
  return {
      Declare({.key = "http.address",
               .env = "HTTP_ADDRESS",
               .text = "IP address to listen on. The default accepts clients on this machine only. Set "
                       "0.0.0.0 or :: to accept clients from the network, for example in a container.",
               .example = "0.0.0.0"},
              Text{.fallback = "127.0.0.1", .allowed = "an IPv4 or IPv6 address", .read = ReadIpAddress},
              &Settings::http, &HttpOptions::address),
      Declare({.key = "http.port",
               .env = "HTTP_PORT",
               .text = "TCP port to listen on. 0 selects any free port; the log names it.",
               .example = "80",
               .bounds_nothing = "Ports"},
              Integer{.fallback = 8080, .min = 0, .max = 65535}, &Settings::http, &HttpOptions::port),
      Declare(
          {.key = "http.threads",
           .env = "HTTP_THREADS",
           .text = "Number of threads that read and answer requests; more threads use more cores. 0 means "
                   "one per core that the process may use, within the CPU quota of its container "
                   "(cgroup).",
           .example = "2"},
          Integer{.fallback = 0, .min = 0, .max = 256, .unit = "threads"}, &Settings::http,
          &HttpOptions::threads),
      Declare(
          {.key = "http.connections_max",
           .env = "HTTP_CONNECTIONS_MAX",
           .text = "Maximum number of open client connections. Additional connections are answered with "
                   "503 and closed. The limit of open files (ulimit -Hn) must be some hundreds higher; if "
                   "it is too low, the service serves fewer connections and logs it.",
           .example = "50000"},
          Integer{.fallback = 10000, .min = 1, .max = 1'000'000, .unit = "connections"}, &Settings::http,
          &HttpOptions::connections_max),
      Declare(
          {.key = "http.header_bytes_max",
           .env = "HTTP_HEADER_BYTES_MAX",
           .text = "Maximum size of a request line and its headers together. Larger requests are rejected "
                   "with 431. Raise it when a proxy in front of the service adds large headers or "
                   "cookies.",
           .example = "32KiB"},
          Bytes{.fallback = 16 * kKiB, .min = kKiB, .max = kMiB}, &Settings::http,
          &HttpOptions::header_bytes_max),
      Declare(
          {.key = "http.request_timeout",
           .env = "HTTP_REQUEST_TIMEOUT",
           .text = "Maximum time for a whole request to arrive, of which its header may take at most 10 s. "
                   "After that the request is answered with 408 and the connection is closed. A client "
                   "that takes longer than this to read its reply is disconnected. Raise it for clients "
                   "that send large batches over slow links.",
           .example = "2m"},
          Duration{.fallback = 30s, .min = 100ms, .max = 1h}, &Settings::http, &HttpOptions::request_timeout),
      Declare({.key = "http.idle_timeout",
               .env = "HTTP_IDLE_TIMEOUT",
               .text = "Maximum time that a kept-alive connection waits for its next request. Set it higher "
                       "than the idle timeout of a proxy in front of the service, so that the proxy closes "
                       "first, and lower than that of a load balancer that passes TCP through.",
               .example = "5m"},
              Duration{.fallback = 75s, .min = 100ms, .max = 1h}, &Settings::http,
              &HttpOptions::idle_timeout),
      Declare({.key = "http.inflight_bytes_max",
               .env = "HTTP_INFLIGHT_BYTES_MAX",
               .text = "Memory for request bodies that are being read or decoded, over all connections. When "
                       "it is used up, new bodies are rejected with 503 before they are read. Raise it to "
                       "accept more large batches at the same time.",
               .example = "256MiB"},
              Bytes{.fallback = 64 * kMiB, .min = kMiB, .max = 64 * kGiB}, &Settings::http,
              &HttpOptions::inflight_bytes_max),
      Declare({.key = "http.clients_max",
               .env = "HTTP_CLIENTS_MAX",
               .text = "Number of clients that are tracked separately by address (IPv6: by /64 network) for "
                       "fair sharing: the last 1/8 of the rate, the journal, the memory for bodies and the "
                       "connections is reserved for clients that use less than 1/8. Clients beyond this "
                       "number are tracked as one client. 0 switches fair sharing off.",
               .example = "50000"},
              Integer{.fallback = 10'000, .min = 0, .max = 65'000, .unit = "clients"}, &Settings::shares,
              &ClientShares::Options::clients_max),
      Declare(
          {.key = "http.trusted_proxies",
           .env = "HTTP_TRUSTED_PROXIES",
           .text = "Addresses and networks of the proxies and load balancers in front of the service. For "
                   "a request from one of them, the client is the last address in X-Forwarded-For that is "
                   "not itself in this list. If it is unset, a proxy counts as an ordinary client.",
           .example = "10.0.0.0/8,192.168.0.0/16"},
          Text{
              .fallback = "", .allowed = "addresses and networks, separated by commas", .read = ReadNetworks},
          &Settings::http, &HttpOptions::trusted_proxies),
      Declare({.key = "http.proxy_protocol",
               .env = "HTTP_PROXY_PROTOCOL",
               .text = "required: each connection begins with a header of the PROXY protocol, version 2, and "
                       "only the proxies in http.trusted_proxies may connect. For balancers that pass TCP "
                       "through; they must be set up for it too.",
               .example = "required"},
              Choice<http::ProxyProtocol>{.fallback = http::ProxyProtocol::kOff,
                                          .words = {{"off", http::ProxyProtocol::kOff},
                                                    {"required", http::ProxyProtocol::kRequired}}},
              &Settings::http, &HttpOptions::proxy_protocol),
      Declare(
          {.key = "http.tls.certificate_file",
           .env = "HTTP_TLS_CERTIFICATE_FILE",
           .text = "PEM file with the certificate of the service, followed by the others of its chain. It "
                   "switches both ports to TLS, 1.2 and 1.3. This file, the key and the CA are read again "
                   "when they change.",
           .example = "/run/secrets/tls/tls.crt"},
          Text{.fallback = "", .allowed = "a path, or empty", .read = ReadOptionalPath}, &Settings::http,
          &HttpOptions::tls, &TlsOptions::certificate_file),
      Declare({.key = "http.tls.key_file",
               .env = "HTTP_TLS_KEY_FILE",
               .text = "PEM file with the key of the certificate, not encrypted.",
               .example = "/run/secrets/tls/tls.key"},
              Text{.fallback = "", .allowed = "a path, or empty", .read = ReadOptionalPath}, &Settings::http,
              &HttpOptions::tls, &TlsOptions::key_file),
      Declare({.key = "http.tls.client_ca_file",
               .env = "HTTP_TLS_CLIENT_CA_FILE",
               .text = "PEM file with the certificate authorities that sign the certificates of clients.",
               .example = "/run/secrets/tls/ca.crt"},
              Text{.fallback = "", .allowed = "a path, or empty", .read = ReadOptionalPath}, &Settings::http,
              &HttpOptions::tls, &TlsOptions::client_ca_file),
      Declare(
          {.key = "http.tls.client_auth",
           .env = "HTTP_TLS_CLIENT_AUTH",
           .text = "Whether clients need a certificate. optional: a client may have none, but not one that "
                   "can't be verified. required: without one there is no connection; on admin.port this "
                   "is optional, because probes have none.",
           .example = "required"},
          Choice<http::ClientAuth>{.fallback = http::ClientAuth::kOff,
                                   .words = {{"off", http::ClientAuth::kOff},
                                             {"optional", http::ClientAuth::kOptional},
                                             {"required", http::ClientAuth::kRequired}}},
          &Settings::http, &HttpOptions::tls, &TlsOptions::client_auth),
  };
}

std::vector<Setting> AdminRows() {
  return {
      Declare({.key = "admin.port",
               .env = "ADMIN_PORT",
               .text = "Separate TCP port for the operational routes (probes and metrics). If it is unset, "
                       "they are on http.port; set it to keep them away from clients. 0 selects any free "
                       "port; the log names it.",
               .example = "9090",
               .bounds_nothing = "Ports"},
              OrUnset<Integer>{.kind = {.min = 0, .max = 65535}}, &Settings::http, &HttpOptions::admin_port),
      Declare({.key = "admin.auth",
               .env = "ADMIN_AUTH",
               .text = "Who may read the metrics. none: anyone who reaches the port. clients: clients of "
                       "auth.clients_file with the right admin. Probes are always open.",
               .example = "clients"},
              Choice<bool>{.fallback = false, .words = {{"none", false}, {"clients", true}}}, &Settings::http,
              &HttpOptions::admin_auth),
  };
}

std::vector<Setting> IngestRows() {
  return {
      Declare(
          {.key = "ingest.ack",
           .env = "ACK",
           .text = "Promise of a success reply when the request does not choose one with ?ack=. memory: "
                   "the event is in the bounded in-memory journal (202); a graceful stop delivers it or "
                   "reports it as undelivered, a crash loses it. wal: the event is in the write-ahead log "
                   "and the sync to disk has returned (202); it survives a crash and a power loss. "
                   "broker: the sink has confirmed the event (200); it survives the loss of this machine.",
           .example = "broker"},
          AckWords(AckLevel::kWal), &Settings::ingest, &Ingest::Options::ack),
      Declare(
          {.key = "ingest.ack_min",
           .env = "ACK_MIN",
           .text = "Weakest promise that any request gets: a request for a weaker level gets this one. It "
                   "must not be stronger than ingest.ack.",
           .example = "broker"},
          AckWords(AckLevel::kMemory), &Settings::ingest, &Ingest::Options::ack_min),
      Declare({.key = "ingest.ack_timeout",
               .env = "ACK_TIMEOUT",
               .text = "Maximum time that a request waits for the ack of level wal or broker. After that it "
                       "is answered with 504; its events stay in the journal and are still delivered. Set it "
                       "lower than the timeout of the clients.",
               .example = "10s"},
              Duration{.fallback = 30s, .min = 100ms, .max = 1h}, &Settings::http, &HttpOptions::ack_timeout),
      Declare({.key = "ingest.body_bytes_max",
               .env = "BODY_BYTES_MAX",
               .text = "Maximum size of a request body. Larger bodies are rejected with 413. Raise it "
                       "together with ingest.batch_events_max to accept larger batches.",
               .example = "16MiB"},
              Bytes{.fallback = 10 * kMiB, .min = kKiB, .max = kGiB}, &Settings::http,
              &HttpOptions::body_bytes_max),
      Declare({.key = "ingest.batch_events_max",
               .env = "BATCH_EVENTS_MAX",
               .text = "Maximum number of events in one request. Larger batches are rejected with 413.",
               .example = "50000"},
              Integer{.fallback = 10000, .min = 1, .max = 1'000'000, .unit = "events"}, &Settings::decoder,
              &DecoderOptions::batch_events_max),
      Declare({.key = "ingest.event_bytes_max",
               .env = "EVENT_BYTES_MAX",
               .text = "Maximum size of one event; larger events are rejected. The default is below Kafka's "
                       "default record limit of 1,048,588 bytes and leaves space for key and headers. Raise "
                       "max.message.bytes of both topics before you raise it.",
               .example = "4MiB"},
              Bytes{.fallback = 1'000'000, .min = 256, .max = 100 * kMiB}, &Settings::decoder,
              &DecoderOptions::event_bytes_max),
      Declare({.key = "ingest.depth_max",
               .env = "JSON_DEPTH_MAX",
               .text = "Maximum nesting of objects and arrays in an event; deeper events are rejected. "
                       "Consumers often have such a limit too: keep this one at or below theirs.",
               .example = "32"},
              Integer{.fallback = 64, .min = 1, .max = 1000, .unit = "levels"}, &Settings::decoder,
              &DecoderOptions::depth_max),
  };
}

std::vector<Setting> IdempotencyRows() {
  return {
      Declare({.key = "idempotency.events",
               .env = "IDEMPOTENCY_EVENTS",
               .text = "Number of the newest accepted events whose ids are remembered, with 48 bytes of "
                       "memory each. An event with the same client, source, id and bytes as a remembered one "
                       "is acknowledged and not stored again. 0 switches this off. Each process has its own "
                       "window, so a client must send repeats to the same process.",
               .example = "1000000"},
              Integer{.fallback = 0, .min = 0, .max = 100'000'000, .unit = "events"}, &Settings::idempotency,
              &RememberedIds::Options::events_max),
      Declare(
          {.key = "idempotency.time",
           .env = "IDEMPOTENCY_TIME",
           .text = "Time for which an id is remembered, in whole seconds, unless idempotency.events newer "
                   "ids replace it before. Set it longer than clients retry. The write-ahead log keeps "
                   "its files for as long, so that a restart restores the ids; when the log is full, new "
                   "events take their space.",
           .example = "1h"},
          Duration{.fallback = 10min, .min = 1s, .max = 7 * 24h}, &Settings::idempotency,
          &RememberedIds::Options::time),
  };
}

std::vector<Setting> FlowRows() {
  return {
      Declare({.key = "rate_limit.rps",
               .env = "RATE_LIMIT_RPS",
               .text = "Average number of events per second that this process accepts. Requests above it are "
                       "rejected with 429 and Retry-After. Set it to the rate that Kafka and the consumers "
                       "sustain. 0 switches the limit off.",
               .example = "5000"},
              Decimal{.fallback = 200'000, .min = 0, .max = 1e9, .unit = "events per second"},
              &Settings::shares, &ClientShares::Options::rate),
      Declare({.key = "rate_limit.burst",
               .env = "RATE_LIMIT_BURST",
               .text = "Number of events that are accepted at once above the average rate; twice "
                       "rate_limit.rps is a good start. A larger batch is accepted when the burst is unused; "
                       "its client then waits until the average rate has made up for it, but clients below "
                       "1/8 of the rate don't wait.",
               .example = "10000"},
              Integer{.fallback = 400'000, .min = 1, .max = 1'000'000'000, .unit = "events"},
              &Settings::shares, &ClientShares::Options::burst),
      Declare(
          {.key = "journal.events_max",
           .env = "QUEUE_SIZE",
           .text = "Maximum number of accepted events that wait for delivery. When the journal is full, "
                   "requests are rejected with 503 journal_full. Raise it together with journal.bytes_max "
                   "to bridge longer Kafka outages.",
           .example = "1000000"},
          Integer{.fallback = 100'000, .min = 1, .max = 100'000'000, .unit = "events"}, &Settings::journal,
          &MemoryJournal::Options::events_max),
      Declare({.key = "journal.bytes_max",
               .env = "QUEUE_BYTES_MAX",
               .text = "Memory for accepted events that wait for delivery. The journal is full when this or "
                       "journal.events_max is reached. Each event counts with its bytes and 160 bytes of "
                       "bookkeeping. Keep it well below the memory limit of the container.",
               .example = "512MiB"},
              Bytes{.fallback = 64 * kMiB, .min = kMiB, .max = kTiB}, &Settings::journal,
              &MemoryJournal::Options::bytes_max),
  };
}

std::vector<Setting> WalRows() {
  return {
      Declare({.key = "wal.dir",
               .env = "WAL_DIR",
               .text = "Folder of the write-ahead log, created if it is missing. The log is on when "
                       "ingest.ack or ingest.ack_min is wal. The folder must be on a disk that outlives the "
                       "process; in a container, on a volume.",
               .example = "/var/lib/event-ingestor/wal"},
              Text{.fallback = "var/wal", .allowed = "a path of at most 1024 bytes", .read = ReadPath},
              &Settings::wal_dir),
      Declare({.key = "wal.bytes_max",
               .env = "WAL_BYTES_MAX",
               .text = "Maximum disk space of the write-ahead log. When it is full, requests are rejected "
                       "with 503 journal_full. Set it to events per second, times their size, times the "
                       "longest broker outage to survive, and to at least four times ingest.body_bytes_max.",
               .example = "50GiB"},
              Bytes{.fallback = kGiB, .min = 64 * kMiB, .max = 16 * kTiB}, &Settings::wal,
              &wal::WalOptions::bytes_max),
  };
}

std::vector<Setting> SinkRows() {
  return {
      Declare(
          {.key = "sink.kind",
           .env = "SINK",
           .text = "Destination of the events. kafka: the brokers in kafka.brokers. file: NDJSON files in "
                   "file.dir, which needs no other system.",
           .example = "file"},
          Choice<SinkKind>{.fallback = SinkKind::kKafka,
                           .words = {{"kafka", SinkKind::kKafka}, {"file", SinkKind::kFile}}},
          &Settings::sink),
      Declare({.key = "file.dir",
               .env = "FILE_DIR",
               .text = "Folder of the file sink, created if it is missing. A path without a leading / is "
                       "relative to the folder in which the process was started. A new file is started "
                       "after 128 MiB. Files can be moved away or deleted at any time.",
               .example = "/var/lib/event-ingestor/events"},
              Text{.fallback = "var/events", .allowed = "a path of at most 1024 bytes", .read = ReadPath},
              &Settings::file, &file_sink::Options::directory),
  };
}

std::vector<Setting> KafkaRows() {
  return {
      Declare(
          {.key = "kafka.brokers",
           .env = "KAFKA_BROKERS",
           .text = "Brokers that are asked for the members of the cluster, separated by commas. Two or "
                   "three are enough, so that one of them may be unreachable at the start.",
           .example = "broker-1:9092,broker-2:9092"},
          Text{
              .fallback = "localhost:9092", .allowed = "host:port, separated by commas", .read = ReadBrokers},
          &Settings::kafka, &KafkaOptions::brokers),
      Declare({.key = "kafka.topic",
               .env = "KAFKA_TOPIC",
               .text = "Topic that events are written to, unless kafka.routes_file names another one for "
                       "their type.",
               .example = "clickstream"},
              Text{.fallback = "events",
                   .allowed = "1 to 249 of a-z A-Z 0-9 . _ -, not . or ..",
                   .read = ReadTopic},
              &Settings::kafka, &KafkaOptions::topic),
      Declare({.key = "kafka.dlq_topic",
               .env = "KAFKA_DLQ_TOPIC",
               .text = "Dead-letter topic. Events that Kafka rejects because of the event itself are written "
                       "there, with the reason in headers. It must differ from kafka.topic.",
               .example = "clickstream-dlq"},
              Text{.fallback = "events-dlq",
                   .allowed = "1 to 249 of a-z A-Z 0-9 . _ -, not . or ..",
                   .read = ReadTopic},
              &Settings::kafka, &KafkaOptions::dlq_topic),
      Declare(
          {.key = "kafka.key",
           .env = "KAFKA_KEY",
           .text = "Key of a record, which selects its partition: events with the same key stay in order. "
                   "id is the event's id; none spreads events evenly; header is the request's header "
                   "X-Event-Key; a JSON Pointer is that member of the event. If the header or the member "
                   "is missing, the event has no key.",
           .example = "/payload/user_id"},
          Text{.fallback = "id",
               .allowed = "id, none, header, or a JSON Pointer of at most 16 tokens",
               .read = ReadKafkaKey},
          &Settings::routing, &RoutingSettings::key),
      Declare({.key = "kafka.routes_file",
               .env = "KAFKA_ROUTES_FILE",
               .text = "YAML file that routes events to topics by their type and can give topics separate "
                       "settings (docs/ROUTING.md). It is read again on SIGHUP; an empty file or one with an "
                       "error changes nothing, and the log says why. If it is unset, all events go to "
                       "kafka.topic.",
               .example = "/etc/event-ingestor/routes.yaml"},
              OrUnset<Text>{
                  .kind = {.fallback = {}, .allowed = "a path of at most 1024 bytes", .read = ReadPath}},
              &Settings::routing, &RoutingSettings::routes_file),
      Declare({.key = "kafka.max_retries",
               .env = "KAFKA_MAX_RETRIES",
               .text = "Number of times that an event is sent again after its topic rejected it, each time "
                       "after the topic has accepted others; then it becomes a dead letter. Brokers name the "
                       "record at fault, so more than one retry helps only where a topic's rules change for "
                       "moments. Failures of the brokers are retried without limit.",
               .example = "3"},
              Integer{.fallback = 1, .min = 0, .max = 1000, .unit = "retries"}, &Settings::kafka,
              &KafkaOptions::max_retries),
      Declare({.key = "kafka.retry_backoff",
               .env = "KAFKA_RETRY_BACKOFF",
               .text = "Longest wait before the first retry. Later waits grow up to 10 s, and each wait is "
                       "randomized. More than 10 s counts as 10 s. Raise it when retries burden a cluster "
                       "that is recovering.",
               .example = "500ms"},
              Duration{.fallback = 100ms, .min = 1ms, .max = 10min}, &Settings::kafka,
              &KafkaOptions::retry_backoff),
      Declare(
          {.key = "kafka.unknown_topic_grace",
           .env = "KAFKA_UNKNOWN_TOPIC_GRACE",
           .text = "Time that an event waits for a topic that the brokers don't know, before it becomes a "
                   "dead letter. Set it longer than you need to create a topic that was forgotten or "
                   "deleted by mistake.",
           .example = "1h"},
          Duration{.fallback = 10min, .min = 0s, .max = 7 * 24h}, &Settings::kafka,
          &KafkaOptions::unknown_topic_grace),
      Declare({.key = "kafka.write_timeout",
               .env = "KAFKA_WRITE_TIMEOUT",
               .text = "Maximum time for a broker to answer one produce request. After that the request is "
                       "sent again; no event is given up because of it. Raise it for slow or distant "
                       "clusters.",
               .example = "30s"},
              Duration{.fallback = 10s, .min = 100ms, .max = 5min}, &Settings::kafka,
              &KafkaOptions::write_timeout),
      Declare({.key = "kafka.linger",
               .env = "KAFKA_LINGER",
               .text = "Time that events wait for more events to share a produce request. A higher value "
                       "saves CPU and requests; a lower value delivers sooner.",
               .example = "20ms"},
              Duration{.fallback = 5ms, .min = 0s, .max = 1s}, &Settings::workers,
              &WorkerPool::Options::gather),
      Declare(
          {.key = "kafka.compression",
           .env = "KAFKA_COMPRESSION",
           .text = "Compression of record batches. lz4 saves most of the network and disk for little CPU; "
                   "zstd saves more but needs more CPU.",
           .example = "lz4"},
          CompressionWords(), &Settings::kafka, &KafkaOptions::compression),
      Declare({.key = "kafka.client_header",
               .env = "KAFKA_CLIENT_HEADER",
               .text = "event_client: records have a header of this name with the name of the authenticated "
                       "client that sent the event. Clients can't set it.",
               .example = "event_client"},
              Choice<bool>{.fallback = false, .words = {{"none", false}, {"event_client", true}}},
              &Settings::client_header),
  };
}

std::vector<Setting> DeadLetterRows() {
  return {
      Declare(
          {.key = "dead_letter.dir",
           .env = "DEAD_LETTER_DIR",
           .text = "Folder of the dead-letter file. Events that the dead-letter topic rejects too (too "
                   "large for it, or no such topic) are stored there and synced, one line of JSON each, "
                   "with key and headers. Each process needs its own folder; in a container it must be on "
                   "a volume.",
           .example = "/var/lib/event-ingestor/dead-letters"},
          Text{.fallback = "var/dead-letters", .allowed = "a path of at most 1024 bytes", .read = ReadPath},
          &Settings::dead_letter, &DeadLetterFileOptions::directory),
      Declare({.key = "dead_letter.bytes_max",
               .env = "DEAD_LETTER_BYTES_MAX",
               .text = "Maximum disk space of the dead-letter file. When it is full, events that the "
                       "dead-letter topic rejects stay in the journal and are retried; watch "
                       "event_ingestor_dead_letter_file_bytes.",
               .example = "1GiB"},
              Bytes{.fallback = 256 * kMiB, .min = kMiB, .max = kTiB}, &Settings::dead_letter,
              &DeadLetterFileOptions::bytes_max),
  };
}

std::vector<Setting> RunRows() {
  return {
      Declare(
          {.key = "delivery.workers",
           .env = "WORKER_POOL_SIZE",
           .text = "Number of delivery threads. Each has its own connections to the brokers and delivers "
                   "the events of some keys; one delivers about a million events per second. More threads "
                   "help when compression or TLS keeps one busy. 0 means one per core, at most 4.",
           .example = "2"},
          Integer{.fallback = 2, .min = 0, .max = 64, .unit = "threads"}, &Settings::workers,
          &WorkerPool::Options::workers),
      Declare({.key = "shutdown.delay",
               .env = "SHUTDOWN_DELAY",
               .text = "Time between the stop signal, when readiness fails, and the closing of the listening "
                       "port. Behind a load balancer, set it to the time that the balancer needs to notice.",
               .example = "5s"},
              Duration{.fallback = 0s, .min = 0s, .max = 10min}, &Settings::shutdown,
              &ShutdownSettings::delay),
      Declare(
          {.key = "shutdown.timeout",
           .env = "SHUTDOWN_TIMEOUT",
           .text = "Maximum time to deliver the events in the journal after the listening port is closed. "
                   "Events that are left then are counted and logged, and the exit status is 3. Keep the "
                   "sum of shutdown.delay and this below the grace period of the supervisor that stops "
                   "the process.",
           .example = "2m"},
          Duration{.fallback = 30s, .min = 0s, .max = 1h}, &Settings::shutdown, &ShutdownSettings::timeout),
      Declare({.key = "log.level",
               .env = "LOG_LEVEL",
               .text = "Lowest level that is logged. DEBUG is for troubleshooting, not for normal operation.",
               .example = "WARN"},
              Choice<LogLevel>{.fallback = LogLevel::kInfo,
                               .words = {{"DEBUG", LogLevel::kDebug},
                                         {"INFO", LogLevel::kInfo},
                                         {"WARN", LogLevel::kWarn},
                                         {"ERROR", LogLevel::kError}}},
              &Settings::log_level),
  };
}

SettingsTable MakeServiceSettings() {
  std::vector<Setting> rows;
  for (std::vector<Setting> part :
       {HttpRows(), AdminRows(), AuthRows(), IngestRows(), IdempotencyRows(), FlowRows(), WalRows(),
        SinkRows(), KafkaRows(), KafkaSecurityRows(), DeadLetterRows(), RunRows()}) {
    std::ranges::move(part, std::back_inserter(rows));
  }
  return SettingsTable(std::move(rows), RemovedSettings());
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 15> kGroupTitles{{
    {"http", "HTTP server"},
    {"admin", "Operational routes"},
    {"auth", "Authentication: who may send events"},
    {"ingest", "Ingest: what requests may contain and when they are acknowledged"},
    {"idempotency", "Idempotency window: events that clients send again"},
    {"rate_limit", "Rate limit"},
    {"journal", "Journal: accepted events that wait for delivery"},
    {"wal", "Write-ahead log: the journal that survives a crash"},
    {"sink", "Sink: the destination of events"},
    {"file", "File sink"},
    {"kafka", "Kafka sink"},
    {"dead_letter", "Dead-letter file: events that the dead-letter topic rejects"},
    {"delivery", "Delivery workers"},
    {"shutdown", "Graceful stop"},
    {"log", "Logging"},
}};

struct Candidate {
  std::string_view name;
  std::size_t distance = std::numeric_limits<std::size_t>::max();
};

Candidate NearestOf(const std::vector<Setting>& rows, std::string_view name) {
  Candidate nearest;
  if (name.size() > kSpellingBytesMax) return nearest;
  for (const Setting& row : rows) {
    // A match with the last part alone costs one more, so that the same typo in the whole key is nearer.
    const std::string_view last_part = row.key.substr(row.key.rfind('.') + 1);
    const std::size_t distance = std::min({SpellingDistance(name, row.key), SpellingDistance(name, row.env),
                                           SpellingDistance(name, last_part) + 1});
    if (distance < nearest.distance) nearest = {row.key, distance};
  }
  return nearest;
}

}  // namespace

const Setting* SettingsTable::Find(std::string_view key) const {
  const auto row = std::ranges::find(rows_, key, &Setting::key);
  return row == rows_.end() ? nullptr : &*row;
}

const RemovedSetting* SettingsTable::FindRemoved(std::string_view key) const {
  const auto setting = std::ranges::find(removed_, key, &RemovedSetting::key);
  return setting == removed_.end() ? nullptr : &*setting;
}

bool SettingsTable::IsGroup(std::string_view path) const {
  const auto is_below = [path](std::string_view key) {
    return key.size() > path.size() && key.starts_with(path) && key[path.size()] == '.';
  };
  return std::ranges::any_of(rows_, is_below, &Setting::key) ||
         std::ranges::any_of(removed_, is_below, &RemovedSetting::key);
}

std::string_view SettingsTable::NearestKey(std::string_view name) const {
  const Candidate nearest = NearestOf(rows_, name);
  return IsLikelySlip(nearest.distance, name.size()) ? nearest.name : std::string_view{};
}

std::string_view SettingsTable::NearestKeyOrGroup(std::string_view name) const {
  Candidate nearest = NearestOf(rows_, name);
  for (const Setting& row : rows_) {
    if (name.size() > kSpellingBytesMax) break;
    const std::string_view group = GroupOf(row.key);
    const std::size_t distance = SpellingDistance(name, group);
    if (distance < nearest.distance) nearest = {group, distance};
  }
  return IsLikelySlip(nearest.distance, name.size()) ? nearest.name : std::string_view{};
}

std::string_view GroupOf(std::string_view key) { return key.substr(0, key.find('.')); }

std::string_view GroupTitle(std::string_view group) {
  const auto* title = std::ranges::find(kGroupTitles, group, [](const auto& pair) { return pair.first; });
  return title == kGroupTitles.end() ? group : title->second;
}

const SettingsTable& ServiceSettings() {
  static const SettingsTable table = MakeServiceSettings();
  return table;
}

Settings DefaultSettings(const SettingsTable& table) {
  Settings settings;
  for (const Setting& row : table.rows()) {
    [[maybe_unused]] const auto assigned = row.assign(row.fallback, settings);
    assert(assigned.has_value());
  }
  return settings;
}

}  // namespace ei::service
