#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/file_sink/dead_letter_file.h"
#include "adapters/file_sink/file_sink.h"
#include "adapters/http/http_options.h"
#include "adapters/json/event_decoder.h"
#include "adapters/kafka/kafka_options.h"
#include "adapters/wal/wal_options.h"
#include "base/log.h"
#include "base/time.h"
#include "clients/client_shares.h"
#include "delivery/worker_pool.h"
#include "event/ack_level.h"
#include "ingest/ingest.h"
#include "journal/memory_journal.h"
#include "journal/remembered_ids.h"

namespace ei::service {

// What no part of the service has in its own options.

enum class SinkKind { kKafka, kFile };
enum class OauthSource { kFile, kOidc, kAwsMskIam };

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
  base::Duration jwt_leeway{};

  bool Any() const { return methods != "none"; }
  // No method is a part of another's name.
  bool Uses(std::string_view method) const { return methods.find(method) != std::string::npos; }
};

struct RoutingSettings {
  std::string key;  // "id", "none", "header", or a checked JSON Pointer
  std::optional<std::string> routes_file;
};

// The source of the tokens for OAUTHBEARER. An empty path is unset.
struct OauthSettings {
  std::optional<OauthSource> source;
  std::string token_file;
  std::string token_url;
  std::string ca_file;
  std::string client_id;
  std::string client_secret_file;
  std::string scope;
  std::string extensions;  // name=value,name=value
  std::string aws_region;
};

struct ShutdownSettings {
  base::Duration delay{};
  base::Duration timeout{};
};

// All settings of the service, after flag, environment, file and default have been merged and validated.
// table.cc and kafka_security_rows.cc bind each to a member of the options of the part that uses it. The
// defaults are in these tables alone, and DefaultSettings() returns them; the initializers of the options are
// for tests of the parts.
//
// A part's members that no row of the tables names are not settings: whoever opens the part fills them in, if
// need be from the settings of other parts.
struct Settings {
  http::HttpOptions http;        // threads 0: one per core
  ClientShares::Options shares;  // clients_max 0: clients are not distinguished
  AuthSettings auth;
  Ingest::Options ingest;
  json::DecoderOptions decoder;
  RememberedIds::Options idempotency;  // events_max 0: off
  MemoryJournal::Options journal;      // also the memory of the write-ahead log
  std::string wal_dir;
  wal::WalOptions wal;
  SinkKind sink = SinkKind::kKafka;
  file_sink::Options file;
  kafka::KafkaOptions kafka;
  bool client_header = false;  // records have the name of the client
  OauthSettings oauth;
  RoutingSettings routing;
  file_sink::DeadLetterFileOptions dead_letter;
  WorkerPool::Options workers;  // workers 0: one per core, at most 4
  ShutdownSettings shutdown;
  LogLevel log_level = LogLevel::kInfo;
};

// Returns whether ack level wal is configured, so that the journal has to be the write-ahead log.
inline bool JournalIsWal(const Settings& settings) {
  return settings.ingest.ack == AckLevel::kWal || settings.ingest.ack_min == AckLevel::kWal;
}

}  // namespace ei::service
