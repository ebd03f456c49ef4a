#include "commands/exit_deadline.h"

#include <chrono>
#include <utility>

#include <unistd.h>

#include "commands/fatal_handlers.h"

namespace ei::service {

ExitDeadline::ExitDeadline(base::Duration time, int status, std::string message)
    : thread_([this, time, status, text = std::move(message)] {
        // ban-ok(clock): waits for real threads
        const base::SteadyTime deadline = std::chrono::steady_clock::now() + time;
        const base::MutexLock lock(mutex_);
        // ban-ok(clock): as above
        while (!over_ && std::chrono::steady_clock::now() < deadline) changed_.WaitUntil(mutex_, deadline);
        if (over_) return;
        WriteFatal(text);
        _exit(status);
      }) {}

ExitDeadline::~ExitDeadline() {
  {
    const base::MutexLock lock(mutex_);
    over_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

}  // namespace ei::service
