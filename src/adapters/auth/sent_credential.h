#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "clients/authenticator.h"

namespace ei::auth {

// A key or a token that a request has in its headers.
struct SentCredential {
  enum class Kind : uint8_t { kKey, kToken };

  Kind kind = Kind::kKey;
  std::string text;                        // of a key: well-formed
  std::optional<std::string> client = {};  // the name that comes with a key in Basic

  friend bool operator==(const SentCredential&, const SentCredential&) = default;
};

// Reads the value of Authorization: Bearer with a key or a token (RFC 6750, section 2.1), or Basic with the
// name of a client and its key (RFC 7617). The fault is kMalformed.
std::expected<SentCredential, AuthFault> ReadAuthorization(std::string_view value);

// Reads the value of X-API-Key. The fault is kMalformed.
std::expected<SentCredential, AuthFault> ReadApiKeyHeader(std::string_view value);

}  // namespace ei::auth
