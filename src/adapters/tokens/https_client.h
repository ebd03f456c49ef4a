#pragma once

#include <atomic>
#include <string>

#include "adapters/tokens/host_lookup.h"
#include "adapters/tokens/http_client.h"
#include "base/time.h"

namespace ei::tokens {

inline constexpr size_t kReplyBytesMax = 64 * 1024;

// Opens a connection for each request, because tokens are fetched only every few minutes. Verifies
// certificates and host names. Proxies are not supported.
class HttpsClient final : public HttpClient {
 public:
  struct Options {
    std::string ca_file;  // PEM; empty: the authorities of the system
    // For the whole exchange, including name resolution.
    base::Duration timeout = std::chrono::seconds(5);
    size_t reply_bytes_max = kReplyBytesMax;  // of the body
    // False: any certificate is accepted. Only for a server on this machine whose certificate has another
    // name.
    bool verify = true;
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
