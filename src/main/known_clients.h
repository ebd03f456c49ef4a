#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "base/stop_flag.h"
#include "clients/client_account.h"
#include "clients/client_directory.h"
#include "settings/settings.h"
#include "system/file_changes.h"

namespace ei::service {

// The clients of auth.clients_file. A thread of its own reads the file again when it changes. If the new
// version has a fault, or can't be read for a moment, the clients stay as they are, and it is tried again.
class KnownClients {
 public:
  // Reads the file. The arguments must outlive the result. Fails if the file can't be read
  // or has a fault.
  static base::Result<std::unique_ptr<KnownClients>> Open(const Settings& settings, ClientAccounts& accounts,
                                                          const Clock& clock, Log& log);
  ~KnownClients();

  const CurrentClients& Current() const { return current_; }
  // How often a new version of the file could not be used; a version with a fault is tried again. Any thread.
  uint64_t Failures() const { return failures_.load(std::memory_order_relaxed); }

 private:
  KnownClients(const Settings& settings, ClientAccounts& accounts, const Clock& clock, Log& log,
               system::FileChanges changes, std::shared_ptr<const ClientDirectory> clients);

  static base::Result<std::shared_ptr<const ClientDirectory>> Load(const Settings& settings,
                                                                   ClientAccounts& accounts);
  void Watch();
  void Reload();

  const Settings& settings_;
  ClientAccounts& accounts_;
  const Clock& clock_;
  Log& log_;
  CurrentClients current_;
  system::FileChanges changes_;
  std::string fault_;                         // of the newest version, as logged; empty: it is in use
  std::optional<base::SteadyTime> retry_at_;  // of that version
  base::Duration retry_pause_{0};
  std::atomic<uint64_t> failures_{0};
  base::StopFlag stop_;
  std::thread thread_;
};

}  // namespace ei::service
