#pragma once

#include "domain/ack_level.h"
#include "main/settings.h"
#include "main/settings_kinds.h"

namespace ei::service {

// The words of choices that stand in more than one place.

inline Choice<domain::AckLevel> AckWords(domain::AckLevel fallback = domain::AckLevel::kMemory) {
  using domain::AckLevel;
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
