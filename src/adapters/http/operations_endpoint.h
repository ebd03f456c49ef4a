#pragma once

#include <functional>
#include <string>

#include "adapters/http/reply.h"
#include "adapters/http/request.h"

namespace ei::http {

// The sources of the operational routes' replies. The functions are called from any event loop's thread.
struct Operations {
  // Returns an empty text if the service is ready, otherwise the reason why it isn't.
  std::function<std::string()> unready_reason;
  std::function<std::string(bool openmetrics)> expose_metrics;
};

// Handles GET /health, /livez, /readyz, /metrics. Stateless and thread-safe.
class OperationsEndpoint {
 public:
  explicit OperationsEndpoint(const Operations& operations) : operations_(operations) {}

  void Handle(const Request& request, Reply& reply) const;

 private:
  const Operations operations_;
};

}  // namespace ei::http
