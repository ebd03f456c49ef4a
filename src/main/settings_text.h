#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ei::service {

// The grammars of text settings. Each returns the canonical form of the value, or the end of a sentence that
// begins with the value.

base::Result<std::string> ReadIpAddress(std::string_view text);
// host:port,host:port; spaces round the commas are dropped.
base::Result<std::string> ReadBrokers(std::string_view text);
base::Result<std::string> ReadTopic(std::string_view text);
// id, none, header, or a JSON Pointer (RFC 6901) of at most 16 tokens.
base::Result<std::string> ReadKafkaKey(std::string_view text);
base::Result<std::string> ReadPath(std::string_view text);

}  // namespace ei::service
