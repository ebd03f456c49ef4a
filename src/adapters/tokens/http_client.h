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

// Sends one request and returns its reply; redirects are not followed. kUnavailable: there was no reply. Send
// blocks and may be called by one thread only.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual base::Result<HttpReply> Send(const HttpRequest& request) = 0;
  // Makes the current Send and all later ones fail at once. Any thread may call this; it can't be undone.
  virtual void Cancel() {}
};

}  // namespace ei::tokens
