#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ei::tokens {

// The parts of an http:// or https:// URL that a request needs.
struct Url {
  bool tls = false;
  std::string host;  // an IPv6 address without its brackets
  std::string port;
  std::string target;  // path and query; at least "/"
};

base::Result<Url> ParseUrl(std::string_view text);

}  // namespace ei::tokens
