#pragma once

#include <vector>

#include "journal/waiter.h"

namespace ei::support {

// A waiting request of a test.
struct WaitingRequest final : Waiter {
  using Waiter::Waiter;
};

// Returns the requests that are complete, in order of completion, each once.
inline std::vector<Waiter*> TakeCompleted(CompletionQueue& queue) {
  std::vector<Waiter*> completed;
  queue.Collect();
  while (Waiter* const waiter = queue.Next()) completed.push_back(waiter);
  return completed;
}

}  // namespace ei::support
