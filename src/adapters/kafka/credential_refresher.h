#pragma once

#include <string>
#include <thread>

#include "adapters/kafka/security_options.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "base/stop_flag.h"
#include "delivery/token_source.h"
#include "system/watched_files.h"

namespace ei::kafka {

// Receives changed credentials while it runs. Called by one thread.
class CredentialUser {
 public:
  virtual ~CredentialUser() = default;
  virtual void OnPassword(const std::string& password) = 0;
  virtual base::Result<void> OnToken(const AccessToken& token) = 0;
  virtual void OnNoToken(const base::Error& error) = 0;
  // The files of certificates and keys have changed. An error means that they can't be used.
  virtual base::Result<void> OnCertificates() = 0;
};

// Keeps the credentials of running clients current: watches the files that hold them and fetches a new token
// after 4/5 of the old one's lifetime. When new credentials can't be read or used, the clients keep the old
// ones. See docs/decisions/0009.
class CredentialRefresher {
 public:
  static constexpr base::Duration kPollInterval = std::chrono::seconds(2);

  // All references must outlive this object. Nothing happens before Start or Poll.
  CredentialRefresher(const SecurityOptions& security, const ei::Clock& clock, Log& log,
                      CredentialUser& user);
  // Joins the thread; cancels a token fetch that is under way.
  ~CredentialRefresher();

  // Starts a thread that polls every kPollInterval. It is a separate thread because fetching a token blocks.
  void Start();

  // Checks everything once. Must not be called after Start.
  void Poll();

 private:
  void Run();
  void CheckPassword();
  void CheckCertificates();
  void RenewToken();
  base::SteadyTime NextPoll() const;

  const SecurityOptions security_;
  const ei::Clock& clock_;
  Log& log_;
  CredentialUser& user_;
  system::WatchedFiles password_;
  system::WatchedFiles certificates_;
  system::WatchedFiles token_files_;
  base::SteadyTime token_due_;
  base::Duration token_pause_{0};  // before the next attempt, after a failed one
  std::string token_fault_;        // the last one that was logged
  std::string token_warning_;      // the last one that was logged
  base::StopFlag stop_;
  std::thread thread_;
};

}  // namespace ei::kafka
