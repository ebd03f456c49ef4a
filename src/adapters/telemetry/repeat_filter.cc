#include "adapters/telemetry/repeat_filter.h"

#include <algorithm>
#include <utility>

namespace ei::telemetry {

bool RepeatFilter::Passes(LogLevel level, std::string_view component, std::string_view message,
                          base::SteadyTime now) {
  base::MutexLock lock(mutex_);
  auto window = std::find_if(windows_.begin(), windows_.end(), [&](const Window& known) {
    return known.message == message && known.component == component;
  });
  if (window == windows_.end()) {
    if (windows_.size() >= options_.kinds_max) return true;
    windows_.push_back({.component = std::string(component),
                        .message = std::string(message),
                        .end = now + options_.window,
                        .level = level,
                        .lines = 0});
    window = std::prev(windows_.end());
  }
  window->level = std::max(window->level, level);
  ++window->lines;
  return window->lines <= options_.lines_max;
}

std::vector<RepeatFilter::Summary> RepeatFilter::TakeEnded(base::SteadyTime now) {
  base::MutexLock lock(mutex_);
  return Take(false, now);
}

std::vector<RepeatFilter::Summary> RepeatFilter::TakeAll() {
  base::MutexLock lock(mutex_);
  return Take(true, {});
}

std::vector<RepeatFilter::Summary> RepeatFilter::Take(bool all, base::SteadyTime now) {
  std::vector<Summary> summaries;
  std::erase_if(windows_, [&](Window& window) {
    if (!all && now < window.end) return false;
    if (window.lines > options_.lines_max) {
      summaries.push_back({window.level, std::move(window.component), std::move(window.message),
                           window.lines - options_.lines_max});
    }
    return true;
  });
  return summaries;
}

}  // namespace ei::telemetry
