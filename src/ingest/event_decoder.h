#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "event/event.h"
#include "event/routes.h"

namespace ei {

enum class DocumentFault : uint8_t {
  kNone,
  kMalformed,      // not one JSON document in UTF-8
  kTooDeep,        // nested beyond the limit
  kBatchTooLarge,  // more events than a request may contain
};

struct DecodedRequest {
  DocumentFault fault = DocumentFault::kNone;
  uint64_t offset = 0;    // position of the fault in the body, in bytes
  uint64_t read = 1;      // events that were read before the fault, plus the one with the fault
  std::string_view what;  // description of the fault, for people; a constant
  bool batch = false;     // an array or lines, not a single object
  std::span<const DecodedEvent> events;
};

// Decodes the body of a request. The results point into the body and into the decoder, and are valid until
// the next call or until the body is freed, whichever is first. Not thread-safe: each thread has its own
// decoder.
class EventDecoder {
 public:
  virtual ~EventDecoder() = default;

  // Sets the routes for the events of the following calls. Before the first call all events have the default
  // route.
  virtual void UseRoutes(std::shared_ptr<const Routes> routes) = 0;

  // Decodes application/json: one object, or an array of objects. A syntax error anywhere rejects the whole
  // document.
  virtual DecodedRequest DecodeDocument(std::string_view body) = 0;

  // Decodes application/x-ndjson: one event per line. A fault rejects only its line. Blank lines are skipped.
  virtual DecodedRequest DecodeLines(std::string_view body) = 0;
};

}  // namespace ei
