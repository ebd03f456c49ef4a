#pragma once

#include <memory>
#include <string>

#include "adapters/http/ack_queue.h"
#include "adapters/http/pending_ack.h"
#include "adapters/http/reply.h"
#include "adapters/http/request.h"
#include "event/current_routes.h"
#include "ingest/event_decoder.h"
#include "ingest/ingest.h"

namespace ei::http {

// Handles POST /events. Each event loop has one; it is used on the loop's thread only.
class EventsEndpoint {
 public:
  struct Limits {
    size_t depth_max;                // only for messages
    size_t batch_events_max;         // only for messages
    bool keep_client_names = false;  // events keep the names of their authenticated clients
  };

  EventsEndpoint(ei::Ingest& ingest, std::unique_ptr<EventDecoder> decoder, const CurrentRoutes& routes,
                 const Limits& limits, Telemetry& telemetry, uint64_t seed)
      : ingest_(ingest),
        decoder_(std::move(decoder)),
        routes_(routes),
        limits_(limits),
        telemetry_(telemetry),
        submission_(seed) {}

  // Checks the header, before the body is read. If it returns false, `reply` is the rejection.
  bool Admit(const Request& request, base::SteadyTime now, Reply& reply);

  // Handles a request with its whole body. Returns null if `reply` is the reply. Otherwise the request has to
  // wait for its ack; when the outcome is known, Finish writes the reply.
  std::unique_ptr<PendingAck> Handle(const Request& request, AckQueue& acks, Reply& reply);

  // Writes the reply to a request whose wait is over.
  void Finish(const Request& request, PendingAck& pending, Reply& reply) const;

 private:
  EventContext ContextOf(const Request& request) const;
  DecodedRequest Decode(const Request& request);
  void WriteAccepted(const Request& request, const DecodedRequest& decoded, AckLevel ack, Reply& reply) const;
  // Saves in `pending` everything that the reply to an accepted request needs. At level wal `reply` is
  // complete already and is moved there.
  void SaveReplyState(const Request& request, const DecodedRequest& decoded, AckLevel ack,
                      PendingAck& pending, Reply& reply) const;
  void WriteRejected(const Request& request, const DecodedRequest& decoded, Reply& reply) const;
  void Refuse(const IngestResult& result, const Sender& sender, Reply& reply) const;
  void RefuseByRate(const IngestResult& result, const Sender& sender, Reply& reply) const;
  void RefuseDocument(const DecodedRequest& decoded, Reply& reply);
  void AppendRejections(std::string& list) const;
  std::string Explain(const Rejection& rejection) const;
  struct Accepted {
    uint32_t index;  // in the request
    std::string_view raw_id;
    uint32_t result;  // at level broker: index in Waiter::Results(), or Repeat::kDelivered if it has none
    bool repeated;
  };
  // Calls take(const Accepted&) for each accepted event, in the order of the request.
  template <typename Take>
  void ForEachAccepted(const DecodedRequest& decoded, Take take) const;

  ei::Ingest& ingest_;
  const std::unique_ptr<EventDecoder> decoder_;
  const CurrentRoutes& routes_;
  uint64_t routes_version_ = 0;  // of the routes that the decoder uses
  const Limits limits_;
  Telemetry& telemetry_;
  IngestContext submission_;
};

}  // namespace ei::http
