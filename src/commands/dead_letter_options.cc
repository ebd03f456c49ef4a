#include "commands/dead_letter_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "base/sip_hash.h"
#include "event/timestamp.h"
#include "settings/units.h"

namespace ei::service {

namespace {

constexpr uint64_t kRedrivesMaxMax = 1000;
constexpr double kRateMax = 1e9;

// Why a value is invalid, as the end of a sentence that begins with the value; nullopt: it is valid.
using Fault = std::optional<std::string>;

Fault ReadFrom(std::string_view text, DeadLetterOptions& options) {
  options.from_file = text == "file" || text.starts_with("file:");
  if (text.starts_with("file:")) options.folder = text.substr(5);
  if (text == "topic" || text == "file" || !options.folder.empty()) return std::nullopt;
  return "is not topic, file or file:FOLDER";
}

Fault ReadWhen(std::string_view text, std::optional<DeadLetterOptions::When>& when) {
  if (const auto moment = ParseTimestamp(text)) {
    when = *moment;
  } else if (const auto ago = ParseDuration(text)) {
    when = base::Duration(*ago);
  } else {
    return "is neither a time, as 2026-01-31T12:00:00Z, nor an age, as 2h";
  }
  return std::nullopt;
}

Fault ReadList(std::string_view text, std::vector<std::string>& list) {
  if (text.empty()) return "is empty";
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
    return "holds a control byte";
  }
  list.emplace_back(text);
  return std::nullopt;
}

template <typename Number>
Fault ReadNumber(std::string_view text, Number least, Number most, Number& number) {
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault == std::errc() && end == text.data() + text.size() && number >= least && number <= most) {
    return std::nullopt;
  }
  return fmt::format("is not a number from {} to {}", least, most);
}

Fault ReadJob(std::string_view text, DeadLetterOptions& options) {
  constexpr size_t kBytesMax = 100;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  options.job = text;
  if (!text.empty() && text.size() <= kBytesMax && std::ranges::all_of(text, allowed)) return std::nullopt;
  return fmt::format("is not a name of at most {} letters, digits, dots, dashes and underscores", kBytesMax);
}

struct Option {
  std::string_view name;
  bool redrive_only;
  Fault (*read)(std::string_view text, DeadLetterOptions& options);
};

constexpr std::array kOptions = std::to_array<Option>({
    {"from", false, &ReadFrom},
    {"code", false, [](auto text, auto& options) { return ReadList(text, options.codes); }},
    {"topic", false, [](auto text, auto& options) { return ReadList(text, options.topics); }},
    {"type", false, [](auto text, auto& options) { return ReadList(text, options.types); }},
    {"id", false, [](auto text, auto& options) { return ReadList(text, options.ids); }},
    {"since", false, [](auto text, auto& options) { return ReadWhen(text, options.since); }},
    {"until", false, [](auto text, auto& options) { return ReadWhen(text, options.until); }},
    {"rate", true, [](auto text, auto& options) { return ReadNumber(text, 0.001, kRateMax, options.rate); }},
    {"max-redrives", true,
     [](auto text, auto& options) {
       return ReadNumber<uint64_t>(text, 1, kRedrivesMaxMax, options.redrives_max);
     }},
    {"job", true, &ReadJob},
});

base::WallTime Moment(const DeadLetterOptions::When& when, base::WallTime now) {
  if (const auto* const ago = std::get_if<base::Duration>(&when)) return now - *ago;
  return std::get<base::WallTime>(when);
}

}  // namespace

DeadLetterOptions ExtractDeadLetterOptions(std::vector<SettingFlag>& flags, bool redrive,
                                           std::vector<std::string>& faults) {
  DeadLetterOptions options;
  std::erase_if(flags, [&](const SettingFlag& flag) {
    const auto option = std::ranges::find(kOptions, flag.key, &Option::name);
    if (option == kOptions.end()) return false;
    if (option->redrive_only && !redrive) {
      faults.push_back(fmt::format("--{} belongs to redrive", flag.key));
    } else if (const Fault fault = option->read(flag.value, options)) {
      faults.push_back(fmt::format("--{} {} {}", flag.key, Quoted(flag.value), *fault));
    }
    return true;
  });
  return options;
}

DeadLetterFilter FilterOf(const DeadLetterOptions& options, base::WallTime now) {
  DeadLetterFilter filter{options.codes, options.topics, options.types, options.ids, {}, {}};
  if (options.since) filter.since = Moment(*options.since, now);
  if (options.until) filter.until = Moment(*options.until, now);
  return filter;
}

std::string ToText(const RedriveScope& scope) {
  std::set<std::string> lines;
  const auto add = [&](std::string_view key, const std::vector<std::string>& values) {
    for (const std::string& value : values) lines.insert(fmt::format("{}={}\n", key, value));
  };
  const auto add_time = [&](std::string_view key, std::optional<base::WallTime> time) {
    if (time) lines.insert(fmt::format("{}={}\n", key, View(FormatTimestamp(*time))));
  };
  add("code", scope.filter.codes);
  add("topic", scope.filter.topics);
  add("type", scope.filter.types);
  add("id", scope.filter.ids);
  add_time("since", scope.filter.since);
  add_time("until", scope.filter.until);
  lines.insert(fmt::format("max-redrives={}\n", scope.redrives_max));
  std::string text = scope.source + '\n';
  for (const std::string& line : lines) text += line;
  return text;
}

std::optional<RedriveScope> ReadScope(std::string_view text) {
  std::vector<SettingFlag> flags;
  RedriveScope scope;
  for (bool first = true; !text.empty(); first = false) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const size_t equals = line.find('=');
    if (first) {
      scope.source = line;
    } else if (equals != std::string_view::npos) {
      flags.push_back({std::string(line.substr(0, equals)), std::string(line.substr(equals + 1))});
    } else {
      return std::nullopt;
    }
  }
  std::vector<std::string> faults;
  const DeadLetterOptions options = ExtractDeadLetterOptions(flags, /*redrive=*/true, faults);
  if (!faults.empty() || !flags.empty() || scope.source.empty()) return std::nullopt;
  scope.filter = FilterOf(options, {});
  scope.redrives_max = options.redrives_max;
  return scope;
}

std::string JobNameOf(const DeadLetterOptions& options, const RedriveScope& scope) {
  if (!options.job.empty()) return std::string(kJobPrefix) + options.job;
  return fmt::format("{}{:016x}", kJobPrefix, base::SipHash128({}, ToText(scope)).low);
}

}  // namespace ei::service
