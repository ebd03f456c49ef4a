#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "adapters/kafka/wire/encoder.h"
#include "adapters/kafka/wire/messages.h"

namespace ei::kafka::native {

// A whole response, as it comes from a broker.
inline std::string Framed(int32_t correlation_id, const std::string& body) {
  std::string frame;
  wire::Encoder out(frame, false);
  out.Int(static_cast<int32_t>(body.size() + sizeof correlation_id));
  out.Int(correlation_id);
  return frame + body;
}

// `more`: further requests that the broker supports, with their newest versions.
inline std::string VersionsBody(int16_t version, wire::ErrorCode error, int16_t produce_max = 13,
                                const std::vector<std::pair<int16_t, int16_t>>& more = {}) {
  std::string body;
  wire::Encoder out(body, version >= 3);
  out.Int(static_cast<int16_t>(error));
  std::vector<std::pair<int16_t, int16_t>> known = {{0, produce_max}, {3, 13}, {18, 4}, {22, 4}, {36, 1}};
  known.insert(known.end(), more.begin(), more.end());
  out.Count(known.size());
  for (const auto& [api, max] : known) {
    out.Int(api);
    out.Int(int16_t{0});
    out.Int(max);
    out.NoTags();
  }
  if (version >= 1) out.Int(int32_t{0});
  out.NoTags();
  return body;
}

inline std::string HandshakeBody() {
  std::string body;
  wire::Encoder out(body, false);
  out.Int(static_cast<int16_t>(wire::ErrorCode::kNone));
  out.Int(int32_t{0});  // mechanisms
  return body;
}

inline std::string LoginBody(wire::ErrorCode error, int64_t session_lifetime_ms) {
  std::string body;
  wire::Encoder out(body, false);
  out.Int(static_cast<int16_t>(error));
  out.Int(int16_t{-1});  // error_message
  out.Int(int32_t{0});   // auth_bytes
  out.Int(session_lifetime_ms);
  return body;
}

}  // namespace ei::kafka::native
