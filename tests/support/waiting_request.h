#pragma once

#include "app/waiter.h"

namespace ei::support {

// A request that waits, of a test.
struct WaitingRequest final : app::Waiter {
  using app::Waiter::Waiter;
};

}  // namespace ei::support
