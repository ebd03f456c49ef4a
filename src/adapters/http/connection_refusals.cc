// The part of Connection that refuses what can't be read or kept.

#include "adapters/http/connection.h"
#include "adapters/http/event_loop.h"

namespace ei::http {

void Connection::RefuseMalformed() {
  const HttpOptions& options = loop_.Shared().options;
  switch (parser_.Fault()) {
    case ParseFault::kHeadersTooLarge:
      return RefuseAndClose(problems::kHeadersTooLarge, "the header is over " +
                                                            std::to_string(options.header_bytes_max) +
                                                            " bytes (http.header_bytes_max)");
    case ParseFault::kTargetTooLong:
      return RefuseAndClose(problems::kTargetTooLong,
                            "the request target is longer than any that is served here");
    case ParseFault::kBodyTooLarge:
      return RefuseAndClose(
          problems::kBodyTooLarge,
          "the body is over " + std::to_string(options.body_bytes_max) + " bytes (ingest.body_bytes_max)");
    case ParseFault::kMalformed:
      return RefuseAndClose(problems::kMalformedRequest, "this is not HTTP/1.1 as RFC 9112 has it");
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

void Connection::RefuseForWantOfMemory() {
  if (client_.OverShare()) {
    loop_.ReportOverShare(over_share::kMemory, client_);
    RefuseAndClose(problems::kClientOverShare,
                   "the last eighth of http.inflight_bytes_max is kept for clients that hold little of it",
                   std::chrono::seconds(1));
  } else {
    RefuseAndClose(problems::kOverloaded, "requests being read hold http.inflight_bytes_max together",
                   std::chrono::seconds(1));
  }
}

}  // namespace ei::http
