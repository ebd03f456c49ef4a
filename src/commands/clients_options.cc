#include "commands/clients_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <string_view>

#include "event/timestamp.h"
#include "settings/units.h"

namespace ei::service {
namespace {

constexpr auto kAgeMax = std::chrono::hours(24 * 365 * 100);

// As ParseDuration, and with days.
std::optional<base::Duration> ReadAge(std::string_view text) {
  const bool days = text.ends_with('d');
  const auto age =
      ParseDuration(days ? std::string(text.substr(0, text.size() - 1)) + "h" : std::string(text));
  const int factor = days ? 24 : 1;
  if (!age || *age > kAgeMax / factor) return std::nullopt;
  return *age * factor;
}

// Why a value is invalid, as the end of a sentence that begins with the value; nullopt: it is valid.
using Fault = std::optional<std::string>;

Fault ReadFile(std::string_view text, ClientsOptions& options) {
  options.file = text;
  return text.empty() ? Fault("is empty") : std::nullopt;
}

Fault ReadExpires(std::string_view text, ClientsOptions& options) {
  if (const auto time = ParseTimestamp(text)) {
    options.expires = *time;
  } else if (const auto age = ReadAge(text); age && *age > base::Duration::zero()) {
    options.expires = *age;
  } else {
    return "is neither a time, as 2027-01-31T00:00:00Z, nor a duration of at most 100 years, as 90d";
  }
  return std::nullopt;
}

Fault ReadGrace(std::string_view text, ClientsOptions& options) {
  const auto age = ReadAge(text);
  if (!age) return "is not a duration of at most 100 years, as 24h or 7d";
  options.grace = *age;
  return std::nullopt;
}

struct Option {
  std::string_view name;
  bool of_add;
  bool of_others;  // other commands than add and rotate; rotate has all
  Fault (*read)(std::string_view text, ClientsOptions& options);
};

constexpr std::array kOptions = std::to_array<Option>({
    {"file", true, true, &ReadFile},
    {"expires", true, false, &ReadExpires},
    {"grace", false, false, &ReadGrace},
});

}  // namespace

ClientsOptions ExtractClientsOptions(std::vector<SettingFlag>& flags, bool add, bool rotate,
                                     std::vector<std::string>& faults) {
  ClientsOptions options;
  std::set<std::string> seen;
  std::erase_if(flags, [&](const SettingFlag& flag) {
    const auto* const option = std::ranges::find(kOptions, flag.key, &Option::name);
    if (option == kOptions.end()) return false;
    if (!(add ? option->of_add : rotate || option->of_others)) {
      faults.push_back(fmt::format("--{} belongs to {}", flag.key,
                                   option->of_add ? "clients add and clients rotate" : "clients rotate"));
    } else if (!seen.insert(flag.key).second) {
      faults.push_back(fmt::format("--{} is given twice; give it once", flag.key));
    } else if (const Fault fault = option->read(flag.value, options)) {
      faults.push_back(fmt::format("--{} {} {}", flag.key, Quoted(flag.value), *fault));
    }
    return true;
  });
  return options;
}

std::optional<base::WallTime> ExpiryOf(const ClientsOptions& options, base::WallTime now) {
  if (!options.expires) return std::nullopt;
  if (const auto* const time = std::get_if<base::WallTime>(&*options.expires)) return *time;
  return now + std::get<base::Duration>(*options.expires);
}

}  // namespace ei::service
