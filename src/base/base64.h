#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ei::base {

// Base 64 with padding (RFC 4648, section 4).
std::string EncodeBase64(std::string_view bytes);

// nullopt unless the text is exactly what EncodeBase64 gives for some bytes.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace ei::base
