#pragma once

#include <string>
#include <string_view>

namespace ei::bench {

// The text as a JSON string with its quotes. Bytes outside printable ASCII become '?': it is for messages.
std::string JsonText(std::string_view text);

}  // namespace ei::bench
