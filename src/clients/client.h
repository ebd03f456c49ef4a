#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "clients/client_account.h"
#include "clients/name_rules.h"
#include "event/ack_level.h"
#include "event/event_context.h"

namespace ei {

// What a client may do.
struct ClientRights {
  NameRules types = {};                           // of events
  NameRules topics = {};                          // of Kafka
  std::array<bool, 3> acks = {true, true, true};  // by AckLevel: the levels that a request may ask for
  bool admin = false;                             // it may use the operational routes that are not open

  bool Allows(AckLevel ack) const { return acks[static_cast<size_t>(ack)]; }
};

// A client's own limits, in addition to those that apply to all clients together.
struct ClientLimits {
  std::optional<double> rate = {};                  // events per second
  std::optional<double> burst = {};                 // events; unset: as many as `rate` allows in one second
  std::optional<uint64_t> inflight_bytes_max = {};  // memory for requests that are being read
  std::optional<double> journal_part = {};          // of the journal's capacity, above 0 and at most 1
};

// A sender that has proved who it is. Immutable, except for what its account counts.
struct Client {
  std::string name;  // unique; see IsClientName
  ClientRights rights = {};
  ClientLimits limits = {};
  ClientAccount account = {};
};

// Returns true if `name` is 1 to kClientNameBytesMax bytes of A-Z a-z 0-9 . _ -
bool IsClientName(std::string_view name);

}  // namespace ei
