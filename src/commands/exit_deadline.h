#pragma once

#include <string>
#include <thread>

#include "base/mutex.h"
#include "base/time.h"

namespace ei::service {

// Exits the process with `status` if this object exists for longer than `time`, after writing `message` to
// stderr. For closing a library whose threads may hang, when everything else is done.
class ExitDeadline {
 public:
  ExitDeadline(base::Duration time, int status, std::string message);
  ~ExitDeadline();
  ExitDeadline(const ExitDeadline&) = delete;
  ExitDeadline& operator=(const ExitDeadline&) = delete;

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  bool over_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace ei::service
