#pragma once

#include <string>
#include <thread>

#include "base/mutex.h"
#include "base/time.h"

namespace ei::service {

// Ends the process with `status` when this lives longer than `time`: for the end of a library whose threads
// may hang, once all else is done. Says `last_words` on stderr then.
class ExitDeadline {
 public:
  ExitDeadline(base::Duration time, int status, std::string last_words);
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
