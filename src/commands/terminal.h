#pragma once

#include <map>
#include <ostream>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"

namespace ei::service {

// Output for the user of a long command: a progress line, and lines for warnings and errors. On a terminal
// the progress line is redrawn in place; otherwise a new line is written every 10 s. Thread-safe.
class Terminal final : public Log {
 public:
  // The references must outlive this object.
  Terminal(std::ostream& out, bool is_terminal, const Clock& clock)
      : out_(out), is_terminal_(is_terminal), clock_(clock), next_progress_(clock.Now() + Interval()) {}

  // Ignores the call if it comes too soon after the last one: within 100 ms on a terminal, else 10 s.
  void ShowProgress(std::string_view line) EXCLUDES(mutex_);

  // Removes the progress line from the terminal.
  void EndProgress() EXCLUDES(mutex_);

  // Writes warnings and errors; a message is not repeated within 10 s. Lower levels are dropped.
  void Write(ei::LogLevel level, std::string_view component, std::string_view message,
             std::initializer_list<LogField> fields) override EXCLUDES(mutex_);

 private:
  base::Duration Interval() const;  // between two updates of the progress
  void Clear() REQUIRES(mutex_);

  std::ostream& out_;
  const bool is_terminal_;
  const Clock& clock_;
  base::Mutex mutex_;
  bool drawn_ GUARDED_BY(mutex_) = false;
  base::SteadyTime next_progress_ GUARDED_BY(mutex_);
  std::map<std::string, base::SteadyTime, std::less<>> last_written_ GUARDED_BY(mutex_);  // by message
};

// "[######----]  60 %, 600 sent back, 1,200/s, 1s left". A total of 0 shows as 100 %.
std::string ProgressText(uint64_t done, uint64_t total, uint64_t sent, base::Duration elapsed);

}  // namespace ei::service
