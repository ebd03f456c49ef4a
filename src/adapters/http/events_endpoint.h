#pragma once

#include <memory>
#include <string>

#include "adapters/http/ack_queue.h"
#include "adapters/http/pending_ack.h"
#include "adapters/http/reply.h"
#include "adapters/http/request.h"
#include "app/current_routes.h"
#include "app/ingest.h"
#include "app/ports/event_decoder.h"

namespace ei::http {

// POST /events. One an event loop.
class EventsEndpoint {
 public:
  struct Limits {
    size_t depth_max;         // only for messages
    size_t batch_events_max;  // likewise
  };

  EventsEndpoint(app::Ingest& ingest, std::unique_ptr<app::EventDecoder> decoder,
                 const app::CurrentRoutes& routes, const Limits& limits, app::Telemetry& telemetry,
                 uint64_t seed)
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
  app::DecodedRequest Decode(const Request& request);
  void WriteAccepted(const Request& request, const app::DecodedRequest& decoded, domain::AckLevel ack,
                     Reply& reply) const;
  // Keeps what the reply to an accepted request needs; a reply of level wal is in `reply` already.
  void Hold(const Request& request, const app::DecodedRequest& decoded, domain::AckLevel ack,
            PendingAck& pending, Reply& reply) const;
  void Rejected(const Request& request, const app::DecodedRequest& decoded, Reply& reply) const;
  void Refuse(const app::IngestResult& result, Reply& reply) const;
  void RefuseDocument(const app::DecodedRequest& decoded, Reply& reply);
  void AppendRejections(std::string& list) const;
  std::string Explain(const app::Rejection& rejection) const;
  // An event that was accepted.
  struct Accepted {
    uint32_t index;  // in the request
    std::string_view raw_id;
    uint32_t result;  // at level broker: its number in Waiter::Results(); Repeat::kDelivered: none
    bool repeated;
  };
  template <typename Take>
  void ForEachAccepted(const app::DecodedRequest& decoded, Take take) const;

  app::Ingest& ingest_;
  const std::unique_ptr<app::EventDecoder> decoder_;
  const app::CurrentRoutes& routes_;
  uint64_t routes_version_ = 0;  // of those that the decoder uses
  const Limits limits_;
  app::Telemetry& telemetry_;
  app::Submission submission_;
};

}  // namespace ei::http
