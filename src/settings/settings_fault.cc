#include "settings/settings_fault.h"

#include <fmt/format.h>

namespace ei::service {
namespace {

constexpr std::size_t kShownBytesMax = 80;
constexpr std::size_t kPathBytesMax = 1024;

std::string PrintableUpTo(std::string_view value, std::size_t bytes_max) {
  std::string shown;
  for (const char c : value.substr(0, bytes_max)) {
    if (c >= 0x20 && c < 0x7f) {
      shown += c;
    } else {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  if (value.size() > bytes_max) shown += "...";
  return shown;
}

}  // namespace

std::string ToLine(const SettingFault& fault) {
  std::string line;
  if (!fault.key.empty()) line += fault.key + ": ";
  line += fault.message;
  if (!fault.origin.empty()) line += " (" + fault.origin + ")";
  return line;
}

void PrintFaults(std::ostream& out, const std::vector<SettingFault>& faults) {
  for (const SettingFault& fault : faults) out << "event-ingestor: " << ToLine(fault) << '\n';
}

std::string Printable(std::string_view value) { return PrintableUpTo(value, kShownBytesMax); }

std::string PrintableLong(std::string_view path) { return PrintableUpTo(path, kPathBytesMax); }

std::string Quoted(std::string_view value) { return '"' + Printable(value) + '"'; }

}  // namespace ei::service
