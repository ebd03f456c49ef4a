#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

#include "adapters/http/tls_context.h"
#include "adapters/http/tls_options.h"
#include "adapters/http/tls_ticket_keys.h"
#include "base/clock.h"
#include "base/current.h"
#include "base/log.h"
#include "base/result.h"
#include "base/stop_flag.h"
#include "system/watched_files.h"

namespace ei::http {

// The certificates and the key of the server, in their current version. A thread watches the files, and
// makes new contexts from changed ones for the next connections; open connections keep theirs. Files that
// can't be used change nothing. It also renews the keys of the session tickets.
//
// Current, ExpiresAt and FailedReloads are for any thread, the rest is for the owner.
class TlsCredentials {
 public:
  static constexpr base::Duration kExpiresSoon = std::chrono::hours(24 * 14);  // warned of from then on

  // Reads the files; fails if one can't be used. The clock and the log must outlive the result.
  static base::Result<std::unique_ptr<TlsCredentials>> Open(const TlsOptions& options, const Clock& clock,
                                                            Log& log);
  ~TlsCredentials();
  TlsCredentials(const TlsCredentials&) = delete;
  TlsCredentials& operator=(const TlsCredentials&) = delete;

  // Starts a thread that polls every TlsOptions::poll_interval.
  void Start();
  // Checks everything once. Must not be called after Start.
  void Poll();

  const base::Current<TlsContext>& Current() const { return current_; }
  // When the first certificate of the chain in use expires.
  base::WallTime ExpiresAt() const { return current_.Get()->ExpiresAt(); }
  // How often changed files could not be used.
  uint64_t FailedReloads() const { return failed_reloads_.load(std::memory_order_relaxed); }

 private:
  enum class Validity : uint8_t { kValid, kNotYetValid, kExpiresSoon, kExpired };

  TlsCredentials(const TlsOptions& options, const Clock& clock, Log& log, system::WatchedFiles files,
                 std::shared_ptr<TlsTicketKeys> ticket_keys, std::shared_ptr<const TlsContext> context);
  void Run();
  void CheckFiles();
  void CheckValidity();

  const TlsOptions options_;
  const Clock& clock_;
  Log& log_;
  system::WatchedFiles files_;
  const std::shared_ptr<TlsTicketKeys> ticket_keys_;
  base::Current<TlsContext> current_;
  Validity validity_ = Validity::kValid;  // as logged last
  std::atomic<uint64_t> failed_reloads_{0};
  base::StopFlag stop_;
  std::thread thread_;
};

}  // namespace ei::http
