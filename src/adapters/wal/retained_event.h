#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "event/client_identity.h"

namespace ei::wal {

// An event of the log. The view is valid until the visit returns.
struct RetainedEvent {
  uint64_t position = 0;
  std::string_view value;
  base::SteadyTime accepted_at;
  bool settled = false;
  ClientIdentity client = kNoClient;
  // The value without its first byte and without the members that the service added; nullopt: not known,
  // because an earlier version of the service accepted the event.
  std::optional<std::string_view> written;
  bool named = true;  // the client chose its id
};

}  // namespace ei::wal
