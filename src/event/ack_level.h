#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ei {

// The guarantee that a success reply gives for its events, the weakest first.
enum class AckLevel : uint8_t {
  kMemory,  // they are in the journal
  kWal,     // they are in the write-ahead log, and the sync to disk has returned
  kBroker,  // the sink has confirmed each of them
};

constexpr std::string_view Name(AckLevel level) {
  switch (level) {
    case AckLevel::kMemory: return "memory";
    case AckLevel::kWal: return "wal";
    case AckLevel::kBroker: return "broker";
  }
  return {};
}

constexpr std::optional<AckLevel> AckLevelOf(std::string_view name) {
  for (const AckLevel level : {AckLevel::kMemory, AckLevel::kWal, AckLevel::kBroker}) {
    if (name == Name(level)) return level;
  }
  return std::nullopt;
}

}  // namespace ei
