#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "event/ack_level.h"

namespace ei {

// What a Kafka record's key is: the event's id, nothing, what a JSON Pointer leads to, or what the request's
// key header says (no key where there is none).
enum class KeySource : uint8_t { kId, kNone, kPointer, kHeader };

// The reference tokens of a JSON Pointer (RFC 6901), decoded.
using KeyPointer = std::vector<std::string>;

// Where an event goes, and what it takes along.
struct Route {
  std::string topic;  // empty: the sink's own
  KeySource key_source = KeySource::kId;
  size_t key_pointer = 0;                // kPointer: its number in Routes::KeyPointers()
  AckLevel ack_min = AckLevel::kMemory;  // a request with an event of this route is promised no less
};

// For events that no rule names.
inline const Route kDefaultRoute{};

// Chooses a route by the event's type: a rule for exactly this type, else the rule with the longest prefix
// of it, else the default route. Immutable, so thread-safe; routes live as long as it does.
class Routes {
 public:
  struct Key {
    KeySource source = KeySource::kId;
    KeyPointer pointer;  // kPointer
  };
  struct Rule {
    std::string type;  // a whole type, or a prefix followed by one '*'
    std::string topic;
    Key key = {};
    AckLevel ack_min = AckLevel::kMemory;
  };

  // All events have the default route.
  Routes();
  // Of several rules with the same `type` the first counts.
  Routes(const Rule& fallback, std::span<const Rule> rules);

  const Route& For(std::string_view type) const {
    return by_type_.empty() && prefix_sizes_.empty() ? fallback_ : Find(type);
  }

  // Each once; a route names its own by number.
  std::span<const KeyPointer> KeyPointers() const { return key_pointers_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using RouteMap = std::unordered_map<std::string, Route, Hash, std::equal_to<>>;

  Route RouteOf(const Rule& rule);
  const Route& Find(std::string_view type) const;

  std::vector<KeyPointer> key_pointers_;
  Route fallback_;
  RouteMap by_type_;
  RouteMap by_prefix_;
  std::vector<size_t> prefix_sizes_;  // those that occur, the longest first
};

}  // namespace ei
