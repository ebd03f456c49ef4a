#pragma once

#include "event/ack_level.h"
#include "settings/kinds.h"
#include "settings/settings.h"

namespace ei::service {

// The choices that are used both in the settings table and in the routes file.

inline Choice<AckLevel> AckWords(AckLevel fallback = AckLevel::kMemory) {
  return {.fallback = fallback,
          .words = {{Name(AckLevel::kMemory), AckLevel::kMemory},
                    {Name(AckLevel::kWal), AckLevel::kWal},
                    {Name(AckLevel::kBroker), AckLevel::kBroker}}};
}

inline Choice<Compression> CompressionWords() {
  return {.fallback = Compression::kNone,
          .words = {{"none", Compression::kNone},
                    {"gzip", Compression::kGzip},
                    {"snappy", Compression::kSnappy},
                    {"lz4", Compression::kLz4},
                    {"zstd", Compression::kZstd}}};
}

}  // namespace ei::service
