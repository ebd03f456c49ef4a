#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "event/event_batch.h"
#include "event/routes.h"

namespace ei::support {

// Routes to the sink's default topic, one for each source of the key.
inline const Route kById{};
inline const Route kWithoutKey{.topic = {}, .key_source = KeySource::kNone};
inline const Route kByPointer{.topic = {}, .key_source = KeySource::kPointer};

// Routes all events to the sink's default topic, keyed by the value that the pointer's reference tokens name.
inline std::shared_ptr<const Routes> KeyedBy(KeyPointer tokens) {
  const Routes::Key key{KeySource::kPointer, std::move(tokens)};
  return std::make_shared<Routes>(Routes::Rule{.type = {}, .topic = {}, .key = key},
                                  std::span<const Routes::Rule>());
}

inline Member StringMember(std::string_view text) { return {Member::Kind::kString, text, text}; }

// An event as the decoder would read `json`, which must hold `"id":"<id>"` and outlive the result.
inline DecodedEvent EventWithId(std::string_view json, std::string_view id) {
  DecodedEvent event;
  event.json = json;
  event.id = StringMember(json.substr(json.find("\"id\":\"") + 6, id.size()));
  event.type = StringMember("t");
  event.timestamp = StringMember("2026-01-31T12:00:00Z");
  return event;
}

// Adds an event of `size` bytes of value that begins with `label`, keyed by `key` (nullopt: no key). The
// value is not JSON: no component below the decoder parses it.
inline void AddRawEvent(EventBatch& batch, std::string_view label, std::optional<std::string_view> key,
                        size_t size) {
  std::string value(label);
  if (value.size() < size) value.resize(size, '.');
  DecodedEvent event;
  event.json = value;
  event.id = {Member::Kind::kString, "0", std::string_view(value).substr(0, 1)};
  event.timestamp = event.id;
  event.key = key.value_or("");
  event.has_key = key.has_value();
  event.route = &kByPointer;
  batch.Add(event, {}, {}, {});
}

}  // namespace ei::support
