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

// POST /events. One an event loop.
class EventsEndpoint {
 public:
  struct Limits {
    size_t depth_max;         // only for messages
    size_t batch_events_max;  // likewise
  };

  EventsEndpoint(ei::Ingest& ingest, std::unique_ptr<EventDecoder> decoder, const CurrentRoutes& routes,
                 const Limits& limits, Telemetry& telemetry, uint64_t seed)
      : ingest_(ingest),
        decoder_(std::move(decoder)),
        routes_(routes),
        limits_(limits),
        telemetry_(telemetry),
        submission_(seed) {}

  // Before the body is read: true when the request may go on; else `reply` is the refusal.
  bool Admit(const Request& request, base::SteadyTime now, Reply& reply);

  // With the whole body. Null: `reply` is the answer; else the request has to wait for its ack, and Finish
  // gives the answer.
  std::unique_ptr<PendingAck> Handle(const Request& request, AckQueue& acks, Reply& reply);

  // The answer to a request whose wait is over.
  void Finish(const Request& request, PendingAck& pending, Reply& reply) const;

 private:
  DecodedRequest Decode(const Request& request);
  void WriteAccepted(const Request& request, const DecodedRequest& decoded, AckLevel ack, Reply& reply) const;
  // Keeps what the reply to an accepted request needs; a reply of level wal is in `reply` already.
  void Hold(const Request& request, const DecodedRequest& decoded, AckLevel ack, PendingAck& pending,
            Reply& reply) const;
  void Rejected(const Request& request, const DecodedRequest& decoded, Reply& reply) const;
  void Refuse(const IngestResult& result, Reply& reply) const;
  void RefuseDocument(const DecodedRequest& decoded, Reply& reply);
  void AppendRejections(std::string& list) const;
  std::string Explain(const Rejection& rejection) const;
  // An event that was accepted.
  struct Accepted {
    uint32_t index;  // in the request
    std::string_view raw_id;
    uint32_t result;  // at level broker: its number in Waiter::Results(); Repeat::kDelivered: none
    bool repeated;
  };
  template <typename Take>
  void ForEachAccepted(const DecodedRequest& decoded, Take take) const;

  ei::Ingest& ingest_;
  const std::unique_ptr<EventDecoder> decoder_;
  const CurrentRoutes& routes_;
  uint64_t routes_version_ = 0;  // of those that the decoder uses
  const Limits limits_;
  Telemetry& telemetry_;
  IngestContext submission_;
};

}  // namespace ei::http
