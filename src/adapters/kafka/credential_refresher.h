#pragma once

#include <string>
#include <thread>

#include "adapters/kafka/security_options.h"
#include "adapters/kafka/watched_files.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "delivery/token_source.h"

namespace ei::kafka {

// Clients whose credentials can be changed while they run. Called by one thread.
class CredentialUser {
 public:
  virtual ~CredentialUser() = default;
  virtual void OnPassword(const std::string& password) = 0;
  virtual base::Result<void> OnToken(const AccessToken& token) = 0;
  virtual void OnNoToken(const base::Error& error) = 0;
  // The files of certificates and keys have changed. A failure says that they are of no use.
  virtual base::Result<void> OnCertificates() = 0;
};

// Keeps the credentials of running clients fresh: watches the files that hold them, and fetches a new token
// when most of the old one's life is over. The clients go on with what they have as long as there is nothing
// better. docs/decisions/0009.
class CredentialRefresher {
 public:
  static constexpr base::Duration kRound = std::chrono::seconds(2);

  // The references outlive the keeper. Nothing happens until Start or Round.
  CredentialRefresher(const SecurityOptions& security, const ei::Clock& clock, Log& log,
                      CredentialUser& user);
  // Joins the thread; a token source that it waits for is cancelled.
  ~CredentialRefresher();

  // A thread of its own for the rounds, as fetching a token blocks.
  void Start();

  // One look at everything; not beside Start.
  void Round();

 private:
  void Run();
  void LookAtPassword();
  void LookAtCertificates();
  void RenewToken();
  base::SteadyTime NextRound() const;
  bool Stopping();

  const SecurityOptions security_;
  const ei::Clock& clock_;
  Log& log_;
  CredentialUser& user_;
  WatchedFiles password_;
  WatchedFiles certificates_;
  WatchedFiles token_files_;
  base::SteadyTime token_due_;
  base::Duration token_pause_{0};  // before the next try, after a failed one
  std::string token_fault_;        // told already
  std::string token_warning_;      // the same
  base::Mutex mutex_;
  base::CondVar stopping_;
  bool stop_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace ei::kafka
