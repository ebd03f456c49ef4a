#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "domain/event_batch.h"
#include "domain/routes.h"

namespace ei::support {

// Routes into the sink's own topic, by where the key comes from.
inline const domain::Route kById{};
inline const domain::Route kWithoutKey{.topic = {}, .key_source = domain::KeySource::kNone};
inline const domain::Route kByPointer{.topic = {}, .key_source = domain::KeySource::kPointer};

// All events into the sink's own topic, keyed by what the pointer's reference tokens lead to.
inline std::shared_ptr<const domain::Routes> KeyedBy(domain::KeyPointer tokens) {
  const domain::Routes::Key key{domain::KeySource::kPointer, std::move(tokens)};
  return std::make_shared<domain::Routes>(domain::Routes::Rule{.type = {}, .topic = {}, .key = key},
                                          std::span<const domain::Routes::Rule>());
}

inline domain::Member StringMember(std::string_view text) {
  return {domain::Member::Kind::kString, text, text};
}

// An event as the decoder would read `json`, which must hold `"id":"<id>"` and outlive the result.
inline domain::DecodedEvent EventWithId(std::string_view json, std::string_view id) {
  domain::DecodedEvent event;
  event.json = json;
  event.id = StringMember(json.substr(json.find("\"id\":\"") + 6, id.size()));
  event.type = StringMember("t");
  event.timestamp = StringMember("2026-01-31T12:00:00Z");
  return event;
}

// Adds an event of `size` bytes of value, `label` at its front, keyed by `key`; nullopt: no key. The value is
// no JSON: below the decoder nothing looks inside.
inline void AddRawEvent(domain::EventBatch& batch, std::string_view label,
                        std::optional<std::string_view> key, size_t size) {
  std::string value(label);
  if (value.size() < size) value.resize(size, '.');
  domain::DecodedEvent event;
  event.json = value;
  event.id = {domain::Member::Kind::kString, "0", std::string_view(value).substr(0, 1)};
  event.timestamp = event.id;
  event.key = key.value_or("");
  event.has_key = key.has_value();
  event.route = &kByPointer;
  batch.Add(event, {}, {}, {});
}

}  // namespace ei::support
