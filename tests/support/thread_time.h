#pragma once

#include <time.h>

#include <chrono>
#include <functional>

namespace ei::support {

// Processor time that this thread takes for the work, so that other processes don't matter.
inline std::chrono::nanoseconds ThreadTimeOf(const std::function<void()>& work) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  };
  const auto began = now();
  work();
  return now() - began;
}

}  // namespace ei::support
