// Reads arbitrary routes files: each is read, or every fault is reported with a message. Routes that were
// read give a route for any type.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "settings/routing_file.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ei::service::Settings settings;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto routing = ei::service::ReadRouting("routes.yaml", text, settings);
  if (!routing) {
    Require(!routing.error().empty());
    for (const auto& fault : routing.error()) Require(!ei::service::ToLine(fault).empty());
    return 0;
  }
  Require(routing->routes != nullptr && routing->rules <= 1000);
  for (const std::string_view type : {std::string_view(), text, text.substr(0, size / 2)}) {
    const auto& route = routing->routes->For(type);
    Require(route.topic.size() <= 249);
    if (route.key_source == ei::KeySource::kPointer) {
      Require(route.key_pointer < routing->routes->KeyPointers().size());
    }
  }
  return 0;
}
