#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace ei::tokens {

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct HttpReply {
  int status = 0;
  std::string body;
};

// One request, one reply; redirects are not followed. kUnavailable when there is no reply. Send belongs to
// one thread.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual base::Result<HttpReply> Send(const HttpRequest& request) = 0;
  // From any thread, for good: a Send under way, and all later ones, fail at once.
  virtual void Cancel() {}
};

}  // namespace ei::tokens
