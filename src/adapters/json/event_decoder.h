#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "ingest/event_decoder.h"

namespace ei::json {

struct DecoderOptions {
  size_t depth_max = 64;  // nested containers of an event, including the event itself
  size_t batch_events_max = 10'000;
  size_t event_bytes_max = 1'000'000;  // a longer NDJSON line is rejected without parsing
};

// The name of the instruction set that the JSON scanner uses on this machine, for example "icelake".
std::string ScannerName();

std::unique_ptr<EventDecoder> MakeEventDecoder(const DecoderOptions& options);

}  // namespace ei::json
