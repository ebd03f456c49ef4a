#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "event/traceparent.h"

namespace ei {

inline constexpr size_t kClientNameBytesMax = 64;

// What is known of an event besides its JSON and its key. An empty view: not known.
struct EventContext {
  std::string_view client;       // name of the authenticated client; contains no NUL
  std::string_view traceparent;  // as in W3C Trace Context

  bool operator==(const EventContext&) const = default;
};

// The form in which the context is stored behind an event: the client and a NUL, if there is one, and then
// the traceparent.
inline constexpr size_t kContextBytesMax = kClientNameBytesMax + 1 + kTraceparentBytes;

inline size_t ContextBytes(const EventContext& context) {
  return (context.client.empty() ? 0 : context.client.size() + 1) + context.traceparent.size();
}

inline void AppendContext(std::string& out, const EventContext& context) {
  if (!context.client.empty()) out.append(context.client).push_back('\0');
  out.append(context.traceparent);
}

// The views are into `bytes`. Neither member is checked.
inline EventContext ReadContext(std::string_view bytes) {
  const size_t end = bytes.find('\0');
  if (end == std::string_view::npos) return {{}, bytes};
  return {bytes.substr(0, end), bytes.substr(end + 1)};
}

}  // namespace ei
