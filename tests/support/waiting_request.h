#pragma once

#include <vector>

#include "app/waiter.h"

namespace ei::support {

// A request that waits, of a test.
struct WaitingRequest final : app::Waiter {
  using app::Waiter::Waiter;
};

// Those whose wait is over, in the order in which it ended; each once.
inline std::vector<app::Waiter*> TakeCompleted(app::CompletionQueue& queue) {
  std::vector<app::Waiter*> completed;
  queue.Collect();
  while (app::Waiter* const waiter = queue.Next()) completed.push_back(waiter);
  return completed;
}

}  // namespace ei::support
