#pragma once

#include <atomic>
#include <string>

#include "adapters/tokens/host_lookup.h"
#include "adapters/tokens/http_client.h"
#include "base/time.h"

namespace ei::tokens {

// A connection for each request: tokens are asked for every few minutes. Certificates and host names are
// checked. Proxies are not supported.
class HttpsClient final : public HttpClient {
 public:
  struct Options {
    std::string ca_file;  // PEM; empty: the system's authorities
    // Of the whole exchange, name resolution included.
    base::Duration timeout = std::chrono::seconds(5);
  };
  explicit HttpsClient(Options options) : options_(std::move(options)) {}

  base::Result<HttpReply> Send(const HttpRequest& request) override;
  void Cancel() override;

 private:
  const Options options_;
  HostLookup lookup_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace ei::tokens
