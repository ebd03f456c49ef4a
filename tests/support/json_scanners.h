#pragma once

#include <simdjson.h>

#include <string>
#include <vector>

namespace ei::support {

// Names of the JSON library's scanners that this machine supports, from the fastest to the portable one.
inline std::vector<std::string> JsonScannerNames() {
  std::vector<std::string> names;
  for (const auto* scanner : simdjson::get_available_implementations()) {
    if (scanner->supported_by_runtime_system()) names.push_back(scanner->name());
  }
  return names;
}

// Makes one scanner the active one for the lifetime of this object. A decoder chooses its scanner when its
// buffers grow.
class ActiveJsonScanner {
 public:
  explicit ActiveJsonScanner(const std::string& name) : before_(simdjson::get_active_implementation()) {
    simdjson::get_active_implementation() = simdjson::get_available_implementations()[name];
  }
  ~ActiveJsonScanner() { simdjson::get_active_implementation() = before_; }
  ActiveJsonScanner(const ActiveJsonScanner&) = delete;
  ActiveJsonScanner& operator=(const ActiveJsonScanner&) = delete;

 private:
  const simdjson::implementation* before_;
};

}  // namespace ei::support
