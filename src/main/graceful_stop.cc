#include "main/graceful_stop.h"

#include <algorithm>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>

#include <unistd.h>

#include "base/mutex.h"
#include "base/thread_name.h"
#include "commands/settings_commands.h"

namespace ei::service {

namespace {

constexpr auto kPollInterval = std::chrono::seconds(1);
// For the steps after delivery: joining threads, closing files, writing the last lines of the log.
constexpr auto kCloseMax = std::chrono::seconds(8);
constexpr auto kFlushWait = std::chrono::seconds(1);  // for the reader of the log, before the process exits

}  // namespace

std::string_view SignalName(int signal) {
  switch (signal) {
    case SIGTERM: return "SIGTERM";
    case SIGINT: return "SIGINT";
    default: return "none";
  }
}

// State shared by the stopping thread and the main thread. Thread-safe.
class GracefulStop::Progress {
 public:
  explicit Progress(base::SteadyTime deadline) : deadline_(deadline) {}

  // Service::Stop has returned and the exit status is known. Closing must end before `deadline`.
  void Stopped(int status, base::SteadyTime deadline) {
    const base::MutexLock lock(mutex_);
    status_ = status;
    deadline_ = deadline;
  }
  void Closed() {
    const base::MutexLock lock(mutex_);
    closed_ = true;
  }

  bool IsClosed() {
    const base::MutexLock lock(mutex_);
    return closed_;
  }
  base::SteadyTime Deadline() {
    const base::MutexLock lock(mutex_);
    return deadline_;
  }
  // The exit status if it is known, else the result of `otherwise`. The service exists while `otherwise`
  // runs, because Stopped() needs the lock that is held here.
  template <typename Otherwise>
  int StatusOr(Otherwise otherwise) {
    const base::MutexLock lock(mutex_);
    return status_ ? *status_ : otherwise();
  }

 private:
  base::Mutex mutex_;
  std::optional<int> status_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
  base::SteadyTime deadline_ GUARDED_BY(mutex_);
};

int GracefulStop::StatusOf(const Service& service, uint64_t lost) const {
  if (service.StorageFailed()) return kExitStorage;
  const bool left = options_.drain && service.EventsLeft() > 0;
  return lost > 0 || left ? kExitUndelivered : kExitClean;
}

int GracefulStop::Run(std::unique_ptr<Service> service) {
  Service& running = *service;
  Progress progress(clock_.Now() + options_.stop_max);
  std::thread stopper([&, service = std::move(service)]() mutable {
    base::NameThisThread("stop");
    const uint64_t lost = service->Stop();
    progress.Stopped(StatusOf(*service, lost), clock_.Now() + kCloseMax);
    signals_.Interrupt();
    service.reset();
    progress.Closed();
    signals_.Interrupt();
  });
  Await(progress, running);
  stopper.join();
  return progress.StatusOr([] { return kExitFailure; });
}

void GracefulStop::Close(std::unique_ptr<Service> service, int status) {
  Service& closing = *service;
  Progress progress(clock_.Now() + kCloseMax);
  progress.Stopped(status, clock_.Now() + kCloseMax);
  std::thread stopper([&, service = std::move(service)]() mutable {
    base::NameThisThread("stop");
    service.reset();
    progress.Closed();
    signals_.Interrupt();
  });
  Await(progress, closing);
  stopper.join();
}

void GracefulStop::Await(Progress& progress, Service& service) {
  while (!progress.IsClosed()) {
    const base::Duration left = progress.Deadline() - clock_.Now();
    const auto wait = std::clamp<base::Duration>(left, base::Duration(0), kPollInterval);
    const auto signal = signals_.Wait(std::chrono::ceil<std::chrono::milliseconds>(wait));
    log_.WriteDueSummaries();
    const bool late = clock_.Now() >= progress.Deadline();
    if (progress.IsClosed() || (!late && (!signal || *signal == SIGHUP))) continue;
    uint64_t events = 0;
    const int status = progress.StatusOr([&] {
      events = service.EventsAtRisk();
      return events > 0 ? kExitUndelivered : kExitFailure;
    });
    log_.Write(
        ei::LogLevel::kError, "service",
        late ? "the stop takes longer than shutdown.timeout allows because something hangs (a name server, a "
               "broker or a disk): exiting now; accepted events that are not on disk are lost"
             : "received a second signal: exiting now; accepted events that are not on disk are lost",
        {{"signal", SignalName(signal.value_or(0))}, {"events", events}, {"exit_status", int64_t{status}}});
    ExitNow(status);
  }
}

void GracefulStop::ExitNow(int status) {
  log_writer_.Flush(kFlushWait);
  _exit(status);
}

}  // namespace ei::service
