#pragma once

#include <string>
#include <string_view>

namespace ei::service {

// The text as a string of JSON, in quotes. It is valid JSON if the text is UTF-8.
std::string JsonString(std::string_view text);

}  // namespace ei::service
