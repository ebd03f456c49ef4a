#include "adapters/http/operations_endpoint.h"

namespace ei::http {

void OperationsEndpoint::Handle(const Request& request, Reply& reply) const {
  if (request.method != Method::kGet && request.method != Method::kHead) {
    reply.AddHeader("Allow", "GET, HEAD");
    return reply.Refuse(problems::kMethodNotAllowed, "use GET or HEAD");
  }
  reply.AddHeader("Cache-Control", "no-store");
  switch (request.route) {
    case Route::kHealth:
    case Route::kLivez:
      reply.status = 200;
      reply.body = R"({"status":"alive"})";
      break;
    case Route::kReadyz:
      if (const std::string reason = operations_.unready_reason(); reason.empty()) {
        reply.status = 200;
        reply.body = R"({"status":"ready"})";
      } else {
        reply.Refuse(problems::kNotReady, reason, std::chrono::seconds(1));
      }
      break;
    default:
      reply.status = 200;
      reply.content_type = request.accepts_openmetrics
                               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                               : "text/plain; version=0.0.4; charset=utf-8";
      reply.body = operations_.expose_metrics(request.accepts_openmetrics);
      break;
  }
}

}  // namespace ei::http
