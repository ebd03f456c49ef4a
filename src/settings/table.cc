// Long because: it is the table, one row a setting, and people look for a setting in one place.

#include "settings/table.h"

#include <algorithm>
#include <array>
#include <limits>

#include "settings/edit_distance.h"
#include "settings/enums.h"
#include "settings/kafka_security_rows.h"
#include "settings/text.h"

namespace ei::service {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;
constexpr std::uint64_t kGiB = 1024 * kMiB;
constexpr std::uint64_t kTiB = 1024 * kGiB;

std::vector<Setting> HttpRows() {
  return {
      Declare({.key = "http.address",
               .env = "HTTP_ADDRESS",
               .text = "IP address to listen on. The default takes clients of this machine only; set 0.0.0.0 "
                       "or :: to "
                       "take clients from the network, as in a container.",
               .example = "0.0.0.0"},
              &Settings::http, &HttpSettings::address,
              Text{.fallback = "127.0.0.1", .allowed = "an IPv4 or IPv6 address", .read = ReadIpAddress}),
      Declare({.key = "http.port",
               .env = "HTTP_PORT",
               .text = "TCP port to listen on. 0 takes any free port and logs which one.",
               .example = "80"},
              &Settings::http, &HttpSettings::port, Integer{.fallback = 8080, .min = 0, .max = 65535}),
      Declare({.key = "http.threads",
               .env = "HTTP_THREADS",
               .text = "Threads that read and answer requests. 0 is one a core, of those that the CPU quota "
                       "of the container (its cgroup) allows.",
               .example = "2"},
              &Settings::http, &HttpSettings::threads,
              Integer{.fallback = 0, .min = 0, .max = 256, .unit = "threads"}),
      Declare(
          {.key = "http.connections_max",
           .env = "HTTP_CONNECTIONS_MAX",
           .text =
               "Open client connections. Further ones are answered 503 and closed. The limit of open files "
               "(ulimit -Hn) has to be some hundreds higher; where it is too low, fewer are served and the "
               "log says so.",
           .example = "50000"},
          &Settings::http, &HttpSettings::connections_max,
          Integer{.fallback = 10000, .min = 1, .max = 1'000'000, .unit = "connections"}),
      Declare(
          {.key = "http.header_bytes_max",
           .env = "HTTP_HEADER_BYTES_MAX",
           .text =
               "Size of a request's line and headers together; longer ones are refused with 431. Raise it "
               "when a proxy in front adds large headers or cookies.",
           .example = "32KiB"},
          &Settings::http, &HttpSettings::header_bytes_max,
          Bytes{.fallback = 16 * kKiB, .min = kKiB, .max = kMiB}),
      Declare(
          {.key = "http.header_timeout",
           .env = "HTTP_HEADER_TIMEOUT",
           .text =
               "Time from the first byte of a request to the end of its headers; then 408 and the connection "
               "is closed.",
           .example = "5s"},
          &Settings::http, &HttpSettings::header_timeout,
          Duration{.fallback = 10s, .min = 100ms, .max = 10min}),
      Declare(
          {.key = "http.body_timeout",
           .env = "HTTP_BODY_TIMEOUT",
           .text =
               "Time for a whole request body to arrive; then 408 and the connection is closed. Raise it for "
               "clients that send large batches over slow links.",
           .example = "2m"},
          &Settings::http, &HttpSettings::body_timeout, Duration{.fallback = 30s, .min = 100ms, .max = 1h}),
      Declare(
          {.key = "http.idle_timeout",
           .env = "HTTP_IDLE_TIMEOUT",
           .text =
               "Time a kept-alive connection may wait for its next request. Keep it above the idle time-out "
               "of a proxy in front, so that the proxy closes first, and below that of a load balancer "
               "that passes TCP through.",
           .example = "5m"},
          &Settings::http, &HttpSettings::idle_timeout, Duration{.fallback = 75s, .min = 100ms, .max = 1h}),
      Declare({.key = "http.write_timeout",
               .env = "HTTP_WRITE_TIMEOUT",
               .text = "Time for a reply to be taken by the client; a client that does not read its reply is "
                       "disconnected after it.",
               .example = "10s"},
              &Settings::http, &HttpSettings::write_timeout,
              Duration{.fallback = 30s, .min = 100ms, .max = 1h}),
      Declare(
          {.key = "http.inflight_bytes_max",
           .env = "HTTP_INFLIGHT_BYTES_MAX",
           .text =
               "Memory for request bodies that are being read or decoded, over all connections. Above it new "
               "bodies are refused with 503 before they are read. Raise it for many large batches at once.",
           .example = "256MiB"},
          &Settings::http, &HttpSettings::inflight_bytes_max,
          Bytes{.fallback = 64 * kMiB, .min = kMiB, .max = 64 * kGiB}),
      Declare(
          {.key = "http.clients_max",
           .env = "HTTP_CLIENTS_MAX",
           .text =
               "Clients that are told apart by their addresses (IPv6: by the /64 network), so that a flood from "
               "one leaves the others what they need: the last eighth of the rate, the journal, the memory for "
               "bodies and the connections is for clients that use less than an eighth. Those beyond this "
               "number count as one. 0 treats all alike.",
           .example = "50000"},
          &Settings::http, &HttpSettings::clients_max,
          Integer{.fallback = 10'000, .min = 0, .max = 65'000, .unit = "clients"}),
      Declare(
          {.key = "http.trusted_proxies",
           .env = "HTTP_TRUSTED_PROXIES",
           .text =
               "Addresses and networks of the proxies and load balancers in front. The client of a request "
               "from there is the last address in its X-Forwarded-For that is not one of these; without this "
               "setting, a proxy is a client like any other.",
           .example = "10.0.0.0/8,192.168.0.0/16"},
          &Settings::http, &HttpSettings::trusted_proxies,
          Text{.fallback = "",
               .allowed = "addresses and networks, separated by commas",
               .read = ReadNetworks}),
  };
}

std::vector<Setting> AdminRows() {
  return {
      Declare(
          {.key = "admin.port",
           .env = "ADMIN_PORT",
           .text =
               "TCP port of its own for the operational routes (probes and metrics). Unset, they are on "
               "http.port; set it to keep them away from clients. 0 takes any free port and logs which one.",
           .example = "9090"},
          &Settings::admin, &AdminSettings::port, OrUnset<Integer>{.kind = {.min = 0, .max = 65535}}),
  };
}

std::vector<Setting> IngestRows() {
  return {
      Declare(
          {.key = "ingest.ack",
           .env = "ACK",
           .text =
               "What a success reply promises, where the request does not ask otherwise (?ack=). memory: the "
               "event is in the bounded in-memory journal (202); a graceful stop delivers it or reports it as "
               "undelivered, a crash loses it. wal: it is in the write-ahead log and the sync to disk has "
               "returned (202); it survives a crash and a loss of power. broker: the sink has confirmed it "
               "(200); it survives the loss of this machine.",
           .example = "broker"},
          &Settings::ingest, &IngestSettings::ack, AckWords(AckLevel::kWal)),
      Declare({.key = "ingest.ack_min",
               .env = "ACK_MIN",
               .text = "The least that any request is promised: one that asks for a weaker level gets this "
                       "one. At most as strong as ingest.ack.",
               .example = "broker"},
              &Settings::ingest, &IngestSettings::ack_min, AckWords(AckLevel::kMemory)),
      Declare(
          {.key = "ingest.ack_timeout",
           .env = "ACK_TIMEOUT",
           .text = "Time that a request waits for the ack of level wal or broker; then 504, while its events "
                   "stay in the journal and go on to the sink. Keep it below the time-out of the clients.",
           .example = "10s"},
          &Settings::ingest, &IngestSettings::ack_timeout,
          Duration{.fallback = 30s, .min = 100ms, .max = 1h}),
      Declare({.key = "ingest.body_bytes_max",
               .env = "BODY_BYTES_MAX",
               .text = "Size of a request body; larger ones are refused with 413. Raise it together with "
                       "ingest.batch_events_max for larger batches.",
               .example = "16MiB"},
              &Settings::ingest, &IngestSettings::body_bytes_max,
              Bytes{.fallback = 10 * kMiB, .min = kKiB, .max = kGiB}),
      Declare({.key = "ingest.batch_events_max",
               .env = "BATCH_EVENTS_MAX",
               .text = "Events in one request; larger batches are refused with 413.",
               .example = "50000"},
              &Settings::ingest, &IngestSettings::batch_events_max,
              Integer{.fallback = 10000, .min = 1, .max = 1'000'000, .unit = "events"}),
      Declare(
          {.key = "ingest.event_bytes_max",
           .env = "EVENT_BYTES_MAX",
           .text =
               "Size of one event. The default stays below Kafka's default record limit of 1,048,588 bytes, "
               "with room for key and headers; raise max.message.bytes of both topics before raising it.",
           .example = "4MiB"},
          &Settings::ingest, &IngestSettings::event_bytes_max,
          Bytes{.fallback = 1'000'000, .min = 256, .max = 100 * kMiB}),
      Declare(
          {.key = "ingest.depth_max",
           .env = "JSON_DEPTH_MAX",
           .text = "Nesting of objects and arrays in an event; deeper ones are refused. Consumers often have "
                   "such a limit too: keep this one at or below theirs.",
           .example = "32"},
          &Settings::ingest, &IngestSettings::depth_max,
          Integer{.fallback = 64, .min = 1, .max = 1000, .unit = "levels"}),
      Declare(
          {.key = "ingest.id_bytes_max",
           .env = "EVENT_ID_BYTES_MAX",
           .text =
               "Length of an event's id. The id is the record key by default, so it costs its bytes twice.",
           .example = "64"},
          &Settings::ingest, &IngestSettings::id_bytes_max,
          Integer{.fallback = 256, .min = 1, .max = 4096, .unit = "bytes"}),
      Declare({.key = "ingest.type_bytes_max",
               .env = "EVENT_TYPE_BYTES_MAX",
               .text = "Length of an event's type.",
               .example = "128"},
              &Settings::ingest, &IngestSettings::type_bytes_max,
              Integer{.fallback = 256, .min = 1, .max = 4096, .unit = "bytes"}),
  };
}

std::vector<Setting> IdempotencyRows() {
  return {
      Declare(
          {.key = "idempotency.events",
           .env = "IDEMPOTENCY_EVENTS",
           .text =
               "Ids of the newest accepted events that are remembered, 48 bytes of memory each: an event of "
               "the same client with the source, id and bytes of one of them is acknowledged and not stored "
               "again. 0 is off. The window is this process's own, so clients have to send repeats to the "
               "same one.",
           .example = "1000000"},
          &Settings::idempotency, &IdempotencySettings::events,
          Integer{.fallback = 0, .min = 0, .max = 100'000'000, .unit = "events"}),
      Declare(
          {.key = "idempotency.time",
           .env = "IDEMPOTENCY_TIME",
           .text =
               "How long an id is remembered, in whole seconds, if idempotency.events don't end it before. "
               "Longer than clients try again. The write-ahead log keeps its files for as long, so that a "
               "restart finds the ids again; when it is full, new events take their room.",
           .example = "1h"},
          &Settings::idempotency, &IdempotencySettings::time,
          Duration{.fallback = 10min, .min = 1s, .max = 7 * 24h}),
  };
}

std::vector<Setting> FlowRows() {
  return {
      Declare(
          {.key = "rate_limit.rps",
           .env = "RATE_LIMIT_RPS",
           .text =
               "Events a second that this process accepts on average; above it requests are refused with 429 "
               "and Retry-After. 0 switches the limit off. Set it to what Kafka and the consumers sustain.",
           .example = "5000"},
          &Settings::rate_limit, &RateLimitSettings::rps,
          Decimal{.fallback = 200'000, .min = 0, .max = 1e9, .unit = "events per second"}),
      Declare(
          {.key = "rate_limit.burst",
           .env = "RATE_LIMIT_BURST",
           .text =
               "Events that may come at once above the average rate. Two seconds' worth of rate_limit.rps is "
               "a good start. A larger batch is taken once nothing of the burst is used, and its client then "
               "waits until it is paid for; clients below an eighth of the rate don't wait with it.",
           .example = "10000"},
          &Settings::rate_limit, &RateLimitSettings::burst,
          Integer{.fallback = 400'000, .min = 1, .max = 1'000'000'000, .unit = "events"}),
      Declare(
          {.key = "journal.events_max",
           .env = "QUEUE_SIZE",
           .text =
               "Accepted events that may wait for delivery; when it is full, requests are refused with 503 "
               "journal_full. Raise it together with journal.bytes_max to bridge longer Kafka outages.",
           .example = "1000000"},
          &Settings::journal, &JournalSettings::events_max,
          Integer{.fallback = 100'000, .min = 1, .max = 100'000'000, .unit = "events"}),
      Declare({.key = "journal.bytes_max",
               .env = "QUEUE_BYTES_MAX",
               .text = "Memory for accepted events that wait for delivery; the journal is full when this or "
                       "journal.events_max is reached. An event counts with its bytes and 160 more, for its "
                       "places on the way out. Keep it well below the memory limit of the container.",
               .example = "512MiB"},
              &Settings::journal, &JournalSettings::bytes_max,
              Bytes{.fallback = 64 * kMiB, .min = kMiB, .max = kTiB}),
  };
}

std::vector<Setting> WalRows() {
  return {
      Declare({.key = "wal.dir",
               .env = "WAL_DIR",
               .text = "Folder of the write-ahead log, which is on when ingest.ack or ingest.ack_min is wal; "
                       "it is made when it is missing. It has to be on a disk that outlives the process: in "
                       "a container, a volume.",
               .example = "/var/lib/event-ingestor/wal"},
              &Settings::wal, &WalSettings::dir,
              Text{.fallback = "var/wal", .allowed = "a path of at most 1024 bytes", .read = ReadPath}),
      Declare(
          {.key = "wal.bytes_max",
           .env = "WAL_BYTES_MAX",
           .text = "Disk that the log may take; when it is full, requests are refused with 503 journal_full. "
                   "Events/s times their size times the longest outage of the brokers to be survived.",
           .example = "50GiB"},
          &Settings::wal, &WalSettings::bytes_max,
          Bytes{.fallback = kGiB, .min = 64 * kMiB, .max = 16 * kTiB}),
      Declare(
          {.key = "wal.segment_bytes",
           .env = "WAL_SEGMENT_BYTES",
           .text =
               "Size of the log's files. All events of a request have to fit into one, with "
               "their ids, times and keys, so it is more than twice ingest.body_bytes_max. The disk of a file is given back when all of its "
               "events are settled.",
           .example = "128MiB"},
          &Settings::wal, &WalSettings::segment_bytes,
          Bytes{.fallback = 32 * kMiB, .min = kMiB, .max = kGiB}),
      Declare(
          {.key = "wal.commit_interval",
           .env = "WAL_COMMIT_INTERVAL",
           .text =
               "Least time between two syncs of a busy log. More gathers more requests into one sync, which "
               "spares the disk; less answers sooner.",
           .example = "2ms"},
          &Settings::wal, &WalSettings::commit_interval,
          Duration{.fallback = 500us, .min = 0s, .max = 100ms}),
  };
}

std::vector<Setting> SinkRows() {
  return {
      Declare(
          {.key = "sink.kind",
           .env = "SINK",
           .text =
               "Where events go. kafka: to the brokers in kafka.brokers; file: to NDJSON files in file.dir, "
               "which needs nothing beside this process.",
           .example = "file"},
          &Settings::sink, &SinkSettings::kind,
          Choice<SinkKind>{.fallback = SinkKind::kKafka,
                           .words = {{"kafka", SinkKind::kKafka}, {"file", SinkKind::kFile}}}),
      Declare(
          {.key = "file.dir",
           .env = "FILE_DIR",
           .text =
               "Folder of the file sink; it is made when it is missing. A path without a leading / is taken "
               "from the folder in which the process was started.",
           .example = "/var/lib/event-ingestor/events"},
          &Settings::file, &FileSettings::dir,
          Text{.fallback = "var/events", .allowed = "a path of at most 1024 bytes", .read = ReadPath}),
      Declare(
          {.key = "file.segment_bytes",
           .env = "FILE_SEGMENT_BYTES",
           .text = "Size at which the file sink begins a new file. Files can be moved away or deleted at any "
                   "time; the next event then begins a new one.",
           .example = "16MiB"},
          &Settings::file, &FileSettings::segment_bytes,
          Bytes{.fallback = 128 * kMiB, .min = kMiB, .max = 64 * kGiB}),
  };
}

std::vector<Setting> KafkaRows() {
  return {
      Declare(
          {.key = "kafka.brokers",
           .env = "KAFKA_BROKERS",
           .text =
               "Brokers to ask for the cluster's members, separated by commas. Two or three are enough, so "
               "that one of them may be away at the start.",
           .example = "broker-1:9092,broker-2:9092"},
          &Settings::kafka, &KafkaSettings::brokers,
          Text{.fallback = "localhost:9092",
               .allowed = "host:port, separated by commas",
               .read = ReadBrokers}),
      Declare({.key = "kafka.topic",
               .env = "KAFKA_TOPIC",
               .text = "Topic that events are written to.",
               .example = "clickstream"},
              &Settings::kafka, &KafkaSettings::topic,
              Text{.fallback = "events",
                   .allowed = "1 to 249 of a-z A-Z 0-9 . _ -, not . or ..",
                   .read = ReadTopic}),
      Declare(
          {.key = "kafka.dlq_topic",
           .env = "KAFKA_DLQ_TOPIC",
           .text =
               "Dead-letter topic: events that Kafka refuses for a reason of their own go there, with the "
               "reason in headers. It has to differ from kafka.topic.",
           .example = "clickstream-dlq"},
          &Settings::kafka, &KafkaSettings::dlq_topic,
          Text{.fallback = "events-dlq",
               .allowed = "1 to 249 of a-z A-Z 0-9 . _ -, not . or ..",
               .read = ReadTopic}),
      Declare(
          {.key = "kafka.key",
           .env = "KAFKA_KEY",
           .text =
               "Key of a record, which decides its partition and so what stays in order: id is the event's "
               "id, none spreads events evenly, header takes the request's header X-Event-Key, a JSON Pointer "
               "takes that member of the event. Where header or member are missing the event has no key.",
           .example = "/payload/user_id"},
          &Settings::kafka, &KafkaSettings::key,
          Text{.fallback = "id",
               .allowed = "id, none, header, or a JSON Pointer of at most 16 tokens",
               .read = ReadKafkaKey}),
      Declare(
          {.key = "kafka.routes_file",
           .env = "KAFKA_ROUTES_FILE",
           .text =
               "YAML file that sends events to topics by their type, and gives topics settings of their own "
               "(docs/ROUTING.md). Read again on SIGHUP; a file with a fault, or an empty one, changes nothing "
               "and the log says why. Unset, all events go to kafka.topic.",
           .example = "/etc/event-ingestor/routes.yaml"},
          &Settings::kafka, &KafkaSettings::routes_file,
          OrUnset<Text>{
              .kind = {.fallback = {}, .allowed = "a path of at most 1024 bytes", .read = ReadPath}}),
      Declare(
          {.key = "kafka.max_retries",
           .env = "KAFKA_MAX_RETRIES",
           .text =
               "How often an event that its topic rejects is sent again, each time once the topic has taken "
               "others, before it becomes a dead letter. Brokers say which record is at fault: more than one "
               "retry helps only where a topic's rules change for moments. Failures of the brokers are "
               "retried without end.",
           .example = "3"},
          &Settings::kafka, &KafkaSettings::max_retries,
          Integer{.fallback = 1, .min = 0, .max = 1000, .unit = "retries"}),
      Declare(
          {.key = "kafka.retry_backoff",
           .env = "KAFKA_RETRY_BACKOFF",
           .text =
               "Wait before the first retry; later waits grow from it, with some chance mixed in. Raise it "
               "when retries burden a cluster that is recovering.",
           .example = "500ms"},
          &Settings::kafka, &KafkaSettings::retry_backoff,
          Duration{.fallback = 100ms, .min = 1ms, .max = 10min}),
      Declare(
          {.key = "kafka.unknown_topic_grace",
           .env = "KAFKA_UNKNOWN_TOPIC_GRACE",
           .text =
               "How long an event waits for a topic that the brokers don't know, before it becomes a dead "
               "dead letter. Longer than it takes you to make a topic that was forgotten, or deleted by mistake.",
           .example = "1h"},
          &Settings::kafka, &KafkaSettings::unknown_topic_grace,
          Duration{.fallback = 10min, .min = 0s, .max = 7 * 24h}),
      Declare(
          {.key = "kafka.write_timeout",
           .env = "KAFKA_WRITE_TIMEOUT",
           .text =
               "Time for one produce request to be answered; after it the request is sent again. An event is "
               "never given up for it. Raise it for slow or distant clusters.",
           .example = "30s"},
          &Settings::kafka, &KafkaSettings::write_timeout,
          Duration{.fallback = 10s, .min = 100ms, .max = 5min}),
      Declare(
          {.key = "kafka.linger",
           .env = "KAFKA_LINGER",
           .text =
               "Time that events wait for company, so that they share a produce request. More saves CPU and "
               "requests, less delivers sooner.",
           .example = "20ms"},
          &Settings::kafka, &KafkaSettings::linger, Duration{.fallback = 5ms, .min = 0s, .max = 1s}),
      Declare(
          {.key = "kafka.compression",
           .env = "KAFKA_COMPRESSION",
           .text =
               "Compression of record batches. lz4 saves most of the network and disk for little CPU, zstd "
               "saves more for more.",
           .example = "lz4"},
          &Settings::kafka, &KafkaSettings::compression, CompressionWords()),
  };
}

std::vector<Setting> DeadLetterRows() {
  return {
      Declare(
          {.key = "dead_letter.dir",
           .env = "DEAD_LETTER_DIR",
           .text =
               "Folder of the dead-letter file: what the dead-letter topic refuses too (too large for it, or no "
               "such topic) is kept there, synced, a line of JSON each, with key and headers. Each process needs "
               "its own; in a container it has to be on a volume.",
           .example = "/var/lib/event-ingestor/dead-letters"},
          &Settings::dead_letter, &DeadLetterSettings::dir,
          Text{.fallback = "var/dead-letters", .allowed = "a path of at most 1024 bytes", .read = ReadPath}),
      Declare(
          {.key = "dead_letter.bytes_max",
           .env = "DEAD_LETTER_BYTES_MAX",
           .text =
               "Disk that the dead-letter file may take. When it is full, what the dead-letter topic refuses "
               "stays in the journal and is tried again: watch event_ingestor_dead_letter_file_bytes.",
           .example = "1GiB"},
          &Settings::dead_letter, &DeadLetterSettings::bytes_max,
          Bytes{.fallback = 256 * kMiB, .min = kMiB, .max = kTiB}),
  };
}

std::vector<Setting> RunRows() {
  return {
      Declare({.key = "delivery.workers",
               .env = "WORKER_POOL_SIZE",
               .text = "Threads that deliver. Each has connections to the brokers of its own and takes the "
                       "events of some keys; one delivers some million events a second. More help where "
                       "compression or TLS keeps one busy. 0 is one a core, at most 4.",
               .example = "2"},
              &Settings::delivery, &DeliverySettings::workers,
              Integer{.fallback = 2, .min = 0, .max = 64, .unit = "threads"}),
      Declare(
          {.key = "shutdown.delay",
           .env = "SHUTDOWN_DELAY",
           .text =
               "Pause between the stop signal, when readiness goes, and the closing of the listening port. "
               "Behind a load balancer set it to the time that the balancer needs to notice.",
           .example = "5s"},
          &Settings::shutdown, &ShutdownSettings::delay, Duration{.fallback = 0s, .min = 0s, .max = 10min}),
      Declare(
          {.key = "shutdown.timeout",
           .env = "SHUTDOWN_TIMEOUT",
           .text =
               "Time to deliver what is in the journal after the listening port is closed; what is left then "
               "is counted, logged and makes the exit status 3. Keep shutdown.delay and this together below "
               "the grace period of what stops the process.",
           .example = "2m"},
          &Settings::shutdown, &ShutdownSettings::timeout, Duration{.fallback = 30s, .min = 0s, .max = 1h}),
      Declare(
          {.key = "log.level",
           .env = "LOG_LEVEL",
           .text = "Least important level that is logged. DEBUG is for finding faults, not for operation.",
           .example = "WARN"},
          &Settings::log, &LogSettings::level,
          Choice<LogLevel>{.fallback = LogLevel::kInfo,
                           .words = {{"DEBUG", LogLevel::kDebug},
                                     {"INFO", LogLevel::kInfo},
                                     {"WARN", LogLevel::kWarn},
                                     {"ERROR", LogLevel::kError}}}),
  };
}

SettingsTable MakeServiceSettings() {
  std::vector<Setting> rows;
  for (std::vector<Setting> part :
       {HttpRows(), AdminRows(), IngestRows(), IdempotencyRows(), FlowRows(), WalRows(), SinkRows(),
        KafkaRows(), KafkaSecurityRows(), DeadLetterRows(), RunRows()}) {
    std::ranges::move(part, std::back_inserter(rows));
  }
  return SettingsTable(std::move(rows));
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kGroupTitles{{
    {"http", "HTTP server"},
    {"admin", "Operational routes"},
    {"ingest", "What is taken in"},
    {"idempotency", "Idempotency window: events that clients send again"},
    {"rate_limit", "Rate limit"},
    {"journal", "Journal: accepted events that wait for delivery"},
    {"wal", "Write-ahead log: the journal that survives a crash"},
    {"sink", "Sink: where events go"},
    {"file", "File sink"},
    {"kafka", "Kafka sink"},
    {"dead_letter", "Dead-letter file: what the dead-letter topic refuses"},
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
    // One more for the last part alone, so that the same slip in the whole key wins.
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

bool SettingsTable::IsGroup(std::string_view path) const {
  return std::ranges::any_of(rows_, [path](const Setting& row) {
    return row.key.size() > path.size() && row.key.starts_with(path) && row.key[path.size()] == '.';
  });
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
