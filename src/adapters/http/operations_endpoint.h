#pragma once

#include <functional>
#include <string>

#include "adapters/http/reply.h"
#include "adapters/http/request.h"

namespace ei::http {

// What the operational routes tell. The functions are called from any event loop.
struct Operations {
  // Empty: ready; else the reason why not.
  std::function<std::string()> unready_reason;
  std::function<std::string(bool openmetrics)> expose_metrics;
};

// GET /health, /livez, /readyz, /metrics. Stateless and thread-safe.
class OperationsEndpoint {
 public:
  explicit OperationsEndpoint(const Operations& operations) : operations_(operations) {}

  void Handle(const Request& request, Reply& reply) const;

 private:
  const Operations operations_;
};

}  // namespace ei::http
