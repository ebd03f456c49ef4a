#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace ei::service {

// Something in the settings that stops the start. `key` is the setting, or the unknown name; empty when the
// fault is not about one. `origin` is where it was written: "flag --http.port", "environment HTTP_PORT",
// "file event-ingestor.yaml:3". `message` says what is wrong with which value, what is allowed, what to do.
struct SettingFault {
  std::string key;
  std::string origin;
  std::string message;

  friend bool operator==(const SettingFault&, const SettingFault&) = default;
};

// "http.port: \"70000\" is above the range; allowed: 0 to 65535 (environment HTTP_PORT)", one line, without
// its end.
std::string ToLine(const SettingFault& fault);

void PrintFaults(std::ostream& out, const std::vector<SettingFault>& faults);

// The value in quotes for a message: cut at 80 bytes, with control and non-ASCII bytes as \xNN, so that what
// comes from a file can neither flood nor forge the output.
std::string Quoted(std::string_view value);
// The same without quotes; for names.
std::string Printable(std::string_view value);
// For what is of no use when it is cut short, as the name of a file: up to 1,024 bytes.
std::string PrintableLong(std::string_view path);

}  // namespace ei::service
