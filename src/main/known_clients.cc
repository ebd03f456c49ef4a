#include "main/known_clients.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "base/join_first.h"
#include "base/thread_name.h"
#include "settings/clients_file.h"

namespace ei::service {

namespace {

// A key that is revoked is refused within two of these.
constexpr auto kPollInterval = std::chrono::milliseconds(200);
constexpr base::Duration kRetryPauseMin = std::chrono::seconds(1);
constexpr base::Duration kRetryPauseMax = std::chrono::minutes(1);
constexpr size_t kFaultsListedMax = 5;

}  // namespace

base::Result<std::unique_ptr<KnownClients>> KnownClients::Open(const Settings& settings,
                                                               ClientAccounts& accounts, const Clock& clock,
                                                               Log& log) {
  system::FileChanges changes(settings.auth.clients_file);  // before the file is read
  auto clients = Load(settings, accounts);
  if (!clients) return std::unexpected(std::move(clients.error()));
  if ((*clients)->Size() > settings.shares.clients_max) {
    log.Write(
        ei::LogLevel::kWarn, "auth",
        "there are more clients than http.clients_max (HTTP_CLIENTS_MAX), so some of them share one "
        "share, and their inflight_bytes and journal_part have no effect",
        {{"clients", uint64_t{(*clients)->Size()}}, {"clients_max", uint64_t{settings.shares.clients_max}}});
  }
  return std::unique_ptr<KnownClients>(
      new KnownClients(settings, accounts, clock, log, std::move(changes), std::move(*clients)));
}

KnownClients::KnownClients(const Settings& settings, ClientAccounts& accounts, const Clock& clock, Log& log,
                           system::FileChanges changes, std::shared_ptr<const ClientDirectory> clients)
    : settings_(settings),
      accounts_(accounts),
      clock_(clock),
      log_(log),
      current_(std::move(clients)),
      changes_(std::move(changes)) {
  thread_ = std::thread([this] {
    base::NameThisThread("clients");
    Watch();
  });
}

KnownClients::~KnownClients() {
  stop_.Set();
  thread_.join();
}

base::Result<std::shared_ptr<const ClientDirectory>> KnownClients::Load(const Settings& settings,
                                                                        ClientAccounts& accounts) {
  auto entries = LoadClients(settings.auth.clients_file);
  if (!entries) {
    return base::Fail(base::ErrorKind::kInvalid, base::JoinFirst(entries.error(), kFaultsListedMax, ToLine));
  }
  for (const ClientEntry& entry : *entries) {
    const Client& client = entry.client;
    if (client.limits.inflight_bytes_max.value_or(UINT64_MAX) < settings.http.body_bytes_max) {
      return base::Fail(base::ErrorKind::kInvalid,
                        "the inflight_bytes of client " + client.name +
                            " are less than ingest.body_bytes_max (BODY_BYTES_MAX), so that it could never "
                            "send a large body (" +
                            settings.auth.clients_file + ")");
    }
  }
  // Only now, because a new rate replaces the bucket of a client.
  for (ClientEntry& entry : *entries) {
    entry.client.account = accounts.Of(entry.client.name, entry.client.limits);
  }
  return std::make_shared<const ClientDirectory>(std::move(*entries));
}

void KnownClients::Watch() {
  while (!stop_.WaitUntil(clock_.Now() + kPollInterval)) {
    const bool changed = changes_.Check();
    if (changed) retry_pause_ = {};
    if (changed || (retry_at_ && clock_.Now() >= *retry_at_)) Reload();
  }
}

void KnownClients::Reload() {
  auto clients = Load(settings_, accounts_);
  if (!clients) {
    retry_pause_ = std::clamp<base::Duration>(2 * retry_pause_, kRetryPauseMin, kRetryPauseMax);
    retry_at_ = clock_.Now() + retry_pause_;
    failures_.fetch_add(1, std::memory_order_relaxed);
    if (clients.error().message == fault_) return;
    fault_ = std::move(clients.error().message);
    return log_.Write(LogLevel::kError, "auth",
                      "the clients file has a fault; the current clients stay in force",
                      {{"error", std::string_view(fault_)}});
  }
  retry_at_.reset();
  fault_.clear();
  const uint64_t count = (*clients)->Size();
  current_.Replace(std::move(*clients));
  log_.Write(LogLevel::kInfo, "auth", "the clients file was read again",
             {{"clients", count}, {"file", std::string_view(settings_.auth.clients_file)}});
}

}  // namespace ei::service
