#pragma once

#include "event/ack_level.h"
#include "settings/kinds.h"

namespace ei::service {

// The choices that are used both in the settings table and in the routes file.

inline Choice<AckLevel> AckWords(AckLevel fallback = AckLevel::kMemory) {
  return {.fallback = fallback,
          .words = {{Name(AckLevel::kMemory), AckLevel::kMemory},
                    {Name(AckLevel::kWal), AckLevel::kWal},
                    {Name(AckLevel::kBroker), AckLevel::kBroker}}};
}

inline Words CompressionWords() { return WordsOf("none", {"none", "gzip", "snappy", "lz4", "zstd"}); }

}  // namespace ei::service
