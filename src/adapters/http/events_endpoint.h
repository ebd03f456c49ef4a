#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "adapters/http/reply.h"
#include "adapters/http/request.h"
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

  EventsEndpoint(app::Ingest& ingest, std::unique_ptr<app::EventDecoder> decoder, const Limits& limits,
                 app::Telemetry& telemetry, uint64_t seed)
      : ingest_(ingest),
        decoder_(std::move(decoder)),
        limits_(limits),
        telemetry_(telemetry),
        submission_(seed) {}

  // Before the body is read: true when the request may go on; else `reply` is the refusal.
  bool Admit(const Request& request, base::SteadyTime now, Reply& reply);

  // With the whole body.
  void Handle(const Request& request, Reply& reply);

 private:
  void Accepted(const Request& request, const app::DecodedRequest& decoded, Reply& reply) const;
  void Rejected(const Request& request, const app::DecodedRequest& decoded, Reply& reply) const;
  void Refuse(const app::IngestResult& result, Reply& reply) const;
  void RefuseDocument(const app::DecodedRequest& decoded, Reply& reply);
  void AppendErrors(const app::DecodedRequest& decoded, Reply& reply) const;
  void AppendAcceptedEvents(const app::DecodedRequest& decoded, Reply& reply) const;

  app::Ingest& ingest_;
  const std::unique_ptr<app::EventDecoder> decoder_;
  const Limits limits_;
  app::Telemetry& telemetry_;
  app::Submission submission_;
};

}  // namespace ei::http
