#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ei::base {

// Returns `bytes`, at most 1 GiB, in Base64 with padding (RFC 4648, section 4).
std::string EncodeBase64(std::string_view bytes);

// Returns nullopt unless `text` is the exact output of EncodeBase64 for some bytes: padding is required,
// unused bits must be zero, and no other characters are allowed.
std::optional<std::string> DecodeBase64(std::string_view text);

// The same with the URL-safe alphabet and without padding (RFC 4648, section 5; RFC 7515, section 2).
std::string EncodeBase64Url(std::string_view bytes);
std::optional<std::string> DecodeBase64Url(std::string_view text);

}  // namespace ei::base
