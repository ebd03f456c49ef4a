#pragma once

#include <vector>

#include "journal/waiter.h"

namespace ei::support {

// A request that waits, of a test.
struct WaitingRequest final : Waiter {
  using Waiter::Waiter;
};

// Those whose wait is over, in the order in which it ended; each once.
inline std::vector<Waiter*> TakeCompleted(CompletionQueue& queue) {
  std::vector<Waiter*> completed;
  queue.Collect();
  while (Waiter* const waiter = queue.Next()) completed.push_back(waiter);
  return completed;
}

}  // namespace ei::support
