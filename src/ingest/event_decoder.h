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
  kBatchTooLarge,  // more events than a request may bring
};

struct DecodedRequest {
  DocumentFault fault = DocumentFault::kNone;
  uint64_t offset = 0;    // byte of the body at which the fault lies
  uint64_t read = 1;      // events that were read before the fault, and the one it lies in
  std::string_view what;  // what is wrong there, for people; a constant
  bool batch = false;     // an array or lines, not a single object
  std::span<const DecodedEvent> events;
};

// Reads a request's body. What it returns points into the body and into the decoder, and is valid until the
// next call or the end of the body, whichever is first. One a thread.
class EventDecoder {
 public:
  virtual ~EventDecoder() = default;

  // From now on events get their routes and keys from these. Before the first call all have the default
  // route.
  virtual void UseRoutes(std::shared_ptr<const Routes> routes) = 0;

  // application/json: one object, or an array of them. The whole document is judged; any fault of grammar in
  // it refuses it all.
  virtual DecodedRequest DecodeDocument(std::string_view body) = 0;

  // application/x-ndjson: one event a line, each judged by itself. Blank lines are passed over.
  virtual DecodedRequest DecodeLines(std::string_view body) = 0;
};

}  // namespace ei
