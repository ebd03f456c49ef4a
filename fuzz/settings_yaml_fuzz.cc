// Loads arbitrary settings files: each is loaded, or every fault is reported with a message.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "settings/load.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ei::service::SettingSources sources;
  sources.environment = [](std::string_view) { return std::nullopt; };
  sources.file = {"settings.yaml", std::string(reinterpret_cast<const char*>(data), size)};
  const auto first = ei::service::ResolveSettings(sources);
  if (!first) {
    if (first.error().empty()) std::abort();
    for (const auto& fault : first.error()) {
      if (ei::service::ToLine(fault).empty()) std::abort();
    }
  }
  if (ei::service::ResolveSettings(sources).has_value() != first.has_value()) std::abort();
  return 0;
}
