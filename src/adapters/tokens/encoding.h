#pragma once

#include <string>
#include <string_view>

namespace ei::tokens {

// Writes every byte except A-Z a-z 0-9 - . _ ~ as %XX (RFC 3986, section 2.3).
std::string PercentEncode(std::string_view text);

// Returns empty text if `text` is not base64url (base/base64.h), except that padding is allowed.
std::string FromBase64Url(std::string_view text);

std::string Hex(std::string_view bytes);
std::string Sha256(std::string_view bytes);
std::string HmacSha256(std::string_view key, std::string_view bytes);

}  // namespace ei::tokens
