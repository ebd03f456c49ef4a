#pragma once

#include <simdjson.h>

#include <string>
#include <vector>

namespace ei::support {

// The names of the scanners that the JSON library has for this machine, from the fastest to the portable one.
inline std::vector<std::string> JsonScannerNames() {
  std::vector<std::string> names;
  for (const auto* scanner : simdjson::get_available_implementations()) {
    if (scanner->supported_by_runtime_system()) names.push_back(scanner->name());
  }
  return names;
}

// Makes one scanner the active one for as long as this lives. A decoder picks its scanner when it grows.
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
