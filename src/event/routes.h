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

// The source of a Kafka record's key: the event's id, none (the record has no key), the value that a JSON
// Pointer selects in the event, or the request's key header. If the selected value or the header is missing,
// the record has no key.
enum class KeySource : uint8_t { kId, kNone, kPointer, kHeader };

// The reference tokens of a JSON Pointer (RFC 6901), decoded.
using KeyPointer = std::vector<std::string>;

// The destination of an event, its key source, and its minimum ack level.
struct Route {
  std::string topic;  // empty: the sink's default topic
  KeySource key_source = KeySource::kId;
  size_t key_pointer = 0;                // kPointer: index into Routes::KeyPointers()
  AckLevel ack_min = AckLevel::kMemory;  // lowest level for a request with an event of this route
};

// The route of a DecodedEvent to which no Routes have been applied.
inline const Route kDefaultRoute{};

// Chooses a route by the event's type: the rule for exactly this type, else the rule with the longest
// matching prefix, else the fallback. Immutable and therefore thread-safe. The routes live as long as this
// object.
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
  // If several rules have the same `type`, the first one applies.
  Routes(const Rule& fallback, std::span<const Rule> rules);

  const Route& For(std::string_view type) const {
    return by_type_.empty() && prefix_sizes_.empty() ? fallback_ : Find(type);
  }

  // The distinct key pointers of all routes; Route::key_pointer is an index into them.
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
  std::vector<size_t> prefix_sizes_;  // distinct sizes of the prefixes, in descending order
};

}  // namespace ei
