#pragma once

#include <map>
#include <ostream>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"

namespace ei::service {

// What a command that takes long tells whoever started it: a line that shows its progress, and lines about
// what goes wrong meanwhile, for people. On a terminal the progress is redrawn in place; else it is a line
// from time to time. Thread-safe.
class Terminal final : public Log {
 public:
  // The references outlive it.
  Terminal(std::ostream& out, bool is_terminal, const Clock& clock)
      : out_(out), is_terminal_(is_terminal), clock_(clock), next_progress_(clock.Now() + Interval()) {}

  // Passes over what comes too soon after the last.
  void ShowProgress(std::string_view line) EXCLUDES(mutex_);

  // Takes the progress off the terminal.
  void EndProgress() EXCLUDES(mutex_);

  // Warnings and errors; the same message not again for some time.
  void Write(ei::LogLevel level, std::string_view component, std::string_view message,
             std::initializer_list<LogField> fields) override EXCLUDES(mutex_);

 private:
  base::Duration Interval() const;  // between two times that the progress is shown
  void Clear() REQUIRES(mutex_);

  std::ostream& out_;
  const bool is_terminal_;
  const Clock& clock_;
  base::Mutex mutex_;
  bool drawn_ GUARDED_BY(mutex_) = false;
  base::SteadyTime next_progress_ GUARDED_BY(mutex_);
  std::map<std::string, base::SteadyTime, std::less<>> told_ GUARDED_BY(mutex_);
};

// "[######----]  60 %, 600 sent back, 1,200/s, 1s left"; total 0 is all there is.
std::string ProgressText(uint64_t done, uint64_t total, uint64_t sent, base::Duration elapsed);

}  // namespace ei::service
