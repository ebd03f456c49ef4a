#include "adapters/auth/jwks_source.h"

#include <algorithm>
#include <utility>

#include "base/join_first.h"
#include "base/thread_name.h"

namespace ei::auth {

namespace {

constexpr base::Duration kPauseMin = std::chrono::seconds(1);
constexpr base::Duration kPauseMax = std::chrono::minutes(1);
constexpr size_t kIgnoredListedMax = 5;

}  // namespace

JwksSource::JwksSource(Options options, const Clock& clock, Log& log)
    : options_(std::move(options)),
      clock_(clock),
      log_(log),
      keys_(std::make_shared<const KeySet>()),
      due_(clock.Now()),
      unknown_key_due_(due_) {
  if (FromFile()) changes_.emplace(options_.file);
}

JwksSource::~JwksSource() {
  {
    const base::MutexLock lock(mutex_);
    stop_ = true;
  }
  changed_.NotifyAll();
  if (options_.cancel) options_.cancel();
  if (thread_.joinable()) thread_.join();
}

base::Result<void> JwksSource::Start() {
  if (FromFile()) {
    if (auto read = Refresh(); !read) return read;
  }
  thread_ = std::thread([this] { Run(); });
  if (FromFile()) return {};
  const base::SteadyTime until = clock_.Now() + options_.start_wait;
  const base::MutexLock lock(mutex_);
  while (!tried_ && clock_.Now() < until) changed_.WaitUntil(mutex_, until);
  return {};
}

void JwksSource::Run() {
  base::NameThisThread("jwks");
  for (;;) {
    Poll();
    const base::SteadyTime file_due = clock_.Now() + kFilePollInterval;
    const auto next = [&] { return FromFile() ? file_due : NextFetch(); };
    const base::MutexLock lock(mutex_);
    if (!tried_) {
      tried_ = true;
      changed_.NotifyAll();
    }
    while (!stop_ && clock_.Now() < next()) changed_.WaitUntil(mutex_, next());
    if (stop_) return;
  }
}

base::SteadyTime JwksSource::NextFetch() const {
  return unknown_key_.load() ? std::min(due_, unknown_key_due_) : due_;
}

void JwksSource::Poll() {
  if (changes_ && changes_->Check()) due_ = clock_.Now();
  if (clock_.Now() < NextFetch()) return;
  const auto refreshed = Refresh();
  if (refreshed) {
    if (std::exchange(failing_, false)) {
      log_.Write(LogLevel::kInfo, "auth", "the keys of the issuer can be read again", {{"from", Location()}});
    }
    return;
  }
  // What is tried again has been logged; each fault in the text of a file is new.
  const bool again = due_ != base::SteadyTime::max();
  if (Stopping() || (std::exchange(failing_, true) && again)) return;
  log_.Write(LogLevel::kError, "auth", "the keys of the issuer can't be read; the last ones stay in force",
             {{"from", Location()},
              {"error", std::string_view(refreshed.error().message)},
              {"keys", uint64_t{Keys()->Size()}}});
}

base::Result<void> JwksSource::Refresh() {
  // Before the fetch: its answer may be older than a key that is noted meanwhile.
  if (unknown_key_.exchange(false)) unknown_key_due_ = clock_.Now() + kUnknownKeyPause;
  const auto text = options_.fetch(Location());
  auto taken = text ? Take(*text) : std::unexpected(text.error());
  if (taken) {
    refreshes_.fetch_add(1, std::memory_order_relaxed);
    last_success_.store(clock_.WallNow().time_since_epoch().count(), std::memory_order_relaxed);
    pause_ = base::Duration(0);
    due_ = clock_.Now() + options_.refresh;
  } else {
    failures_.fetch_add(1, std::memory_order_relaxed);
    pause_ = std::clamp(2 * pause_, kPauseMin, kPauseMax);
    due_ = clock_.Now() + pause_;
  }
  // A file is read once for each change; but if it can't be read, that may be for a moment only.
  if (FromFile() && text) due_ = base::SteadyTime::max();
  return taken;
}

base::Result<void> JwksSource::Take(const std::string& text) {
  if (text == text_) return {};
  auto keys = KeySet::Parse(text);
  if (!keys) return std::unexpected(std::move(keys.error()));
  const bool none = keys->Size() == 0;
  log_.Write(none ? LogLevel::kWarn : LogLevel::kInfo, "auth",
             none ? "the issuer has no key that can be used, so no token is valid"
                  : "the keys of the issuer were read",
             {{"from", Location()},
              {"keys", uint64_t{keys->Size()}},
              {"ignored", uint64_t{keys->Ignored().size()}},
              {"ignored_why", std::string_view(base::JoinFirst(keys->Ignored(), kIgnoredListedMax))}});
  keys_.Replace(std::make_shared<const KeySet>(std::move(*keys)));
  text_ = text;
  return {};
}

bool JwksSource::Stopping() {
  const base::MutexLock lock(mutex_);
  return stop_;
}

void JwksSource::NoteUnknownKey() {
  if (FromFile() || unknown_key_.exchange(true)) return;
  // The thread either has not checked yet, or waits.
  {
    const base::MutexLock lock(mutex_);
  }
  changed_.NotifyAll();
}

std::optional<base::WallTime> JwksSource::LastSuccess() const {
  const int64_t nanos = last_success_.load(std::memory_order_relaxed);
  if (nanos == INT64_MIN) return std::nullopt;
  return base::WallTime(base::Duration(nanos));
}

}  // namespace ei::auth
