#pragma once

#include <string>
#include <string_view>

namespace ei::bench {

// Returns the text as a JSON string with quotes. Bytes outside printable ASCII become '?': it is for
// messages.
std::string JsonText(std::string_view text);

}  // namespace ei::bench
