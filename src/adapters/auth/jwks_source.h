#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "adapters/auth/jwks.h"
#include "base/clock.h"
#include "base/current.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "system/file_changes.h"

namespace ei::auth {

// Keeps the keys of an issuer current: reads a file again when it changes, or fetches a URL every
// Options::refresh, and soon after a token with an unknown key. As long as there is nothing better, the last
// keys stay in force. A thread of its own reads and fetches.
class JwksSource {
 public:
  static constexpr base::Duration kFilePollInterval = std::chrono::milliseconds(200);
  static constexpr base::Duration kUnknownKeyPause =
      std::chrono::seconds(10);  // between fetches for that reason

  struct Options {
    std::string file;  // empty: the keys come from `url`
    std::string url;
    // Reads the file or fetches the URL; may block. Called by one thread.
    std::function<base::Result<std::string>(const std::string& location)> fetch;
    // Makes the current fetch and all later ones fail at once. Called by another thread. May be empty.
    std::function<void()> cancel = {};
    base::Duration refresh = std::chrono::minutes(5);
    base::Duration start_wait = std::chrono::seconds(3);
  };

  // The clock and the log must outlive this object. Nothing happens before Start or Poll.
  JwksSource(Options options, const Clock& clock, Log& log);
  // Cancels a fetch and joins the thread.
  ~JwksSource();

  // Starts the thread. Fails if there is a file that can't be used. Waits for the first fetch of a URL, but
  // for Options::start_wait at most: until it succeeds there are no keys, and no token is valid.
  base::Result<void> Start();

  // Does what is due, as the thread does. Must not be called after Start.
  void Poll();

  // Any thread may call these. Version changes with the keys; it is cheap, and has to be called before Keys.
  std::shared_ptr<const KeySet> Keys() const { return keys_.Get(); }
  uint64_t Version() const { return keys_.Version(); }

  // Tells that a token is signed with a key that Keys doesn't have. Any thread may call this, as often as it
  // likes.
  void NoteUnknownKey();

  // For metrics; any thread may call these. A refresh that finds the same keys counts too.
  uint64_t Refreshes() const { return refreshes_.load(std::memory_order_relaxed); }
  uint64_t Failures() const { return failures_.load(std::memory_order_relaxed); }
  std::optional<base::WallTime> LastSuccess() const;

 private:
  bool FromFile() const { return !options_.file.empty(); }
  const std::string& Location() const { return FromFile() ? options_.file : options_.url; }
  void Run();
  base::SteadyTime NextFetch() const;
  bool Stopping();
  base::Result<void> Refresh();
  base::Result<void> Take(const std::string& text);

  const Options options_;
  const Clock& clock_;
  Log& log_;
  base::Current<KeySet> keys_;
  std::optional<system::FileChanges> changes_;
  std::optional<std::string> text_;   // of keys_
  base::SteadyTime due_;              // of the next refresh
  base::SteadyTime unknown_key_due_;  // the same if there is an unknown key
  base::Duration pause_{0};           // before the next attempt, after a failed one
  bool failing_ = false;
  std::atomic<bool> unknown_key_{false};
  std::atomic<uint64_t> refreshes_{0};
  std::atomic<uint64_t> failures_{0};
  std::atomic<int64_t> last_success_{INT64_MIN};  // nanoseconds of wall time
  base::Mutex mutex_;
  base::CondVar changed_;
  bool stop_ GUARDED_BY(mutex_) = false;
  bool tried_ GUARDED_BY(mutex_) = false;  // the first fetch is over
  std::thread thread_;
};

}  // namespace ei::auth
