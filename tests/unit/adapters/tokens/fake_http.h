#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "adapters/tokens/http_client.h"

namespace ei::tokens {

// What a FakeHttp was asked, and what it is to answer, one after the other.
struct HttpScript {
  std::vector<HttpRequest> asked;
  std::deque<base::Result<HttpReply>> replies;

  std::string Header(size_t request, std::string_view name) const {
    for (const auto& [key, value] : asked.at(request).headers) {
      if (key == name) return value;
    }
    return {};
  }
};

class FakeHttp final : public HttpClient {
 public:
  explicit FakeHttp(HttpScript& script) : script_(script) {}
  base::Result<HttpReply> Send(const HttpRequest& request) override {
    script_.asked.push_back(request);
    if (script_.replies.empty()) return base::Fail(base::ErrorKind::kUnavailable, "no reply");
    auto reply = std::move(script_.replies.front());
    script_.replies.pop_front();
    return reply;
  }

 private:
  HttpScript& script_;
};

}  // namespace ei::tokens
