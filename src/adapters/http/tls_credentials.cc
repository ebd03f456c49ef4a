#include "adapters/http/tls_credentials.h"

#include <string_view>
#include <utility>
#include <vector>

#include "base/thread_name.h"

namespace ei::http {

namespace {

std::vector<system::SecretFile> FilesOf(const TlsOptions& options) {
  std::vector<system::SecretFile> files = {CertificateFileOf(options), KeyFileOf(options)};
  if (options.client_auth != ClientAuth::kOff) files.push_back(ClientCaFileOf(options));
  return files;
}

int64_t UnixSeconds(base::WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

base::Result<std::unique_ptr<TlsCredentials>> TlsCredentials::Open(const TlsOptions& options,
                                                                   const Clock& clock, Log& log) {
  system::WatchedFiles files(FilesOf(options));  // before they are read
  auto ticket_keys = std::make_shared<TlsTicketKeys>(clock.Now());
  auto context = TlsContext::Make(options, ticket_keys);
  if (!context) return std::unexpected(std::move(context.error()));
  return std::unique_ptr<TlsCredentials>(
      new TlsCredentials(options, clock, log, std::move(files), std::move(ticket_keys), std::move(*context)));
}

TlsCredentials::TlsCredentials(const TlsOptions& options, const Clock& clock, Log& log,
                               system::WatchedFiles files, std::shared_ptr<TlsTicketKeys> ticket_keys,
                               std::shared_ptr<const TlsContext> context)
    : options_(options),
      clock_(clock),
      log_(log),
      files_(std::move(files)),
      ticket_keys_(std::move(ticket_keys)),
      current_(std::move(context)) {
  CheckValidity();
}

TlsCredentials::~TlsCredentials() {
  stop_.Set();
  if (thread_.joinable()) thread_.join();
}

void TlsCredentials::Start() {
  thread_ = std::thread([this] { Run(); });
}

void TlsCredentials::Run() {
  base::NameThisThread("certificates");
  // ban-ok(clock): files change in real time
  while (!stop_.WaitUntil(std::chrono::steady_clock::now() + options_.poll_interval)) Poll();
}

void TlsCredentials::Poll() {
  ticket_keys_->RotateIfDue(clock_.Now());
  CheckFiles();
  CheckValidity();
}

void TlsCredentials::CheckFiles() {
  const auto change = files_.Check();
  if (!change) return;
  base::Result<std::shared_ptr<const TlsContext>> context =
      *change ? TlsContext::Make(options_, ticket_keys_) : std::unexpected(change->error());
  if (!context) {
    failed_reloads_.fetch_add(1, std::memory_order_relaxed);
    return log_.Write(LogLevel::kError, "http", "the new certificates can't be used; keeping the old ones",
                      {{"error", std::string_view(context.error().message)}});
  }
  log_.Write(LogLevel::kInfo, "http", "the next connections use the new certificates",
             {{"subject", std::string_view((*context)->Subject())},
              {"expires_at", UnixSeconds((*context)->ExpiresAt())}});
  current_.Replace(std::move(*context));
  validity_ = Validity::kValid;  // so that a fault of the new one is logged
}

void TlsCredentials::CheckValidity() {
  const auto context = current_.Get();
  const base::WallTime now = clock_.WallNow();
  const Validity validity = now >= context->ExpiresAt()                 ? Validity::kExpired
                            : now < context->ValidFrom()                ? Validity::kNotYetValid
                            : context->ExpiresAt() - now < kExpiresSoon ? Validity::kExpiresSoon
                                                                        : Validity::kValid;
  if (std::exchange(validity_, validity) == validity || validity == Validity::kValid) return;
  const std::string_view message = validity == Validity::kExpired ? "the server's certificate has expired"
                                   : validity == Validity::kNotYetValid
                                       ? "the server's certificate is not valid yet"
                                       : "the server's certificate expires within 14 days";
  log_.Write(validity == Validity::kExpiresSoon ? LogLevel::kWarn : LogLevel::kError, "http", message,
             {{"subject", std::string_view(context->Subject())},
              {"valid_from", UnixSeconds(context->ValidFrom())},
              {"expires_at", UnixSeconds(context->ExpiresAt())}});
}

}  // namespace ei::http
