#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace ei::service {

// A fault in the settings that prevents the start. `key` is the setting, or the unknown name; empty if the
// fault does not concern a single setting. `origin` is its source: "flag --http.port", "environment
// HTTP_PORT", "file event-ingestor.yaml:3". `message` says which value is wrong and why, what is allowed, and
// what to do.
struct SettingFault {
  std::string key;
  std::string origin;
  std::string message;

  friend bool operator==(const SettingFault&, const SettingFault&) = default;
};

// Returns one line without a line break, as in "http.port: \"70000\" is above the range; allowed: 0 to 65535
// (environment HTTP_PORT)".
std::string ToLine(const SettingFault& fault);

void PrintFaults(std::ostream& out, const std::vector<SettingFault>& faults);

// Returns the value in quotes for a message: cut after 80 bytes, with control and non-ASCII bytes as \xNN, so
// that the content of a file can neither flood nor forge the output.
std::string Quoted(std::string_view value);
// The same without quotes, for names.
std::string Printable(std::string_view value);
// The same without quotes and cut after 1,024 bytes, for file names, which have to be complete.
std::string PrintableLong(std::string_view path);

}  // namespace ei::service
