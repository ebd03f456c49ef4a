// The part of Connection that rejects requests that can't be parsed, and requests for which there is no
// memory.

#include "adapters/http/connection.h"
#include "adapters/http/event_loop.h"

namespace ei::http {

void Connection::RefuseMalformed() {
  const HttpOptions& options = loop_.Shared().options;
  switch (parser_.Fault()) {
    case ParseFault::kHeadersTooLarge:
      return RefuseAndClose(problems::kHeadersTooLarge, "the header is larger than " +
                                                            std::to_string(options.header_bytes_max) +
                                                            " bytes (http.header_bytes_max)");
    case ParseFault::kTargetTooLong:
      return RefuseAndClose(problems::kTargetTooLong,
                            "the request target is longer than any route of this service");
    case ParseFault::kBodyTooLarge:
      return RefuseAndClose(problems::kBodyTooLarge, "the body is larger than " +
                                                         std::to_string(options.body_bytes_max) +
                                                         " bytes (ingest.body_bytes_max)");
    case ParseFault::kMalformed:
      return RefuseAndClose(problems::kMalformedRequest,
                            "the request does not conform to HTTP/1.1 (RFC 9112)");
  }
}

void Connection::RefuseAndClose(const Problem& problem, std::string_view detail,
                                std::chrono::seconds retry_after) {
  Reply& reply = loop_.ScratchReply();
  reply.Refuse(problem, detail, retry_after);
  loop_.Answer(out_, parser_.Current(), reply, true, request_began_);
  close_after_write_ = true;
  refused_early_ = true;
}

void Connection::RefuseOverConnections() {
  loop_.ReportOverShare(over_share::kConnections, client_);
  RefuseAndClose(problems::kClientOverShare,
                 "the last 1/8 of http.connections_max is reserved for clients with few connections",
                 std::chrono::seconds(1));
}

void Connection::RefuseForLackOfMemory() {
  if (client_.OverShare()) {
    loop_.ReportOverShare(over_share::kMemory, client_);
    RefuseAndClose(problems::kClientOverShare,
                   "the client has reached its inflight_bytes, or the last 1/8 of http.inflight_bytes_max, "
                   "which is reserved for clients that use little of it",
                   std::chrono::seconds(1));
  } else {
    RefuseAndClose(problems::kOverloaded,
                   "the buffers of all connections have reached http.inflight_bytes_max",
                   std::chrono::seconds(1));
  }
}

}  // namespace ei::http
