#pragma once

#include <cassert>
#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"
#include "settings/kinds.h"
#include "settings/removed_settings.h"
#include "settings/settings.h"

namespace ei::service {

// One row of the settings table. It has everything about a setting that the YAML file, the environment, the
// flags, the help, `config print` and docs/CONFIGURATION.md need. The flag is `--` and the key.
struct Setting {
  std::string_view key;  // YAML path, "http.port"
  std::string_view env;
  std::string_view text;     // help for the operator: what it does and when to change it
  std::string_view example;  // a value that is not the default
  bool secret = false;       // never printed, neither by `config print` nor in a fault
  bool may_be_unset = false;

  std::string type;
  std::string allowed;
  std::string fallback;  // the default as text; empty: unset
  std::optional<std::string> lowest;
  std::optional<std::string> highest;

  std::function<base::Result<void>(std::string_view text, Settings& settings)> assign;
  std::function<std::string(const Settings& settings)> format;
};

// The part of a row that all kinds have; the rest depends on the member and the kind.
struct About {
  std::string_view key;
  std::string_view env;
  std::string_view text;
  std::string_view example;
  bool secret = false;
  // Only of a number: why it bounds nothing that input can drive. Other numbers need a row in
  // docs/bounds.yaml (tools/bounds.py).
  std::string_view bounds_nothing = {};
};

// Converts between a kind's value and the member's type, which may be narrower: the range of the kind has to
// fit into it.
template <typename To, typename From>
To Convert(const From& from) {
  if constexpr (std::is_same_v<To, From>) {
    return from;
  } else if constexpr (requires { from.has_value(); }) {
    return from ? To(Convert<typename To::value_type>(*from)) : std::nullopt;
  } else if constexpr (requires { typename From::period; }) {
    return std::chrono::duration_cast<To>(from);
  } else {
    if constexpr (std::is_integral_v<To> && std::is_integral_v<From>) assert(std::in_range<To>(from));
    return static_cast<To>(from);
  }
}

// Returns the member of a member and so on.
template <typename Object, typename Member, typename... Members>
auto& Follow(Object& object, Member member, Members... members) {
  if constexpr (sizeof...(members) == 0) {
    return object.*member;
  } else {
    return Follow(object.*member, members...);
  }
}

// Makes a row for the member of Settings to which `path` leads: pointers to members.
template <typename Kind, typename... Members>
Setting Declare(const About& about, const Kind& kind, Members... path) {
  using Value = typename Kind::Value;
  using Field = std::remove_cvref_t<decltype(Follow(std::declval<Settings&>(), path...))>;
  constexpr bool kOptional = requires(Value value) { value.has_value(); };
  Setting row{.key = about.key,
              .env = about.env,
              .text = about.text,
              .example = about.example,
              .secret = about.secret,
              .may_be_unset = kOptional,
              .type = kind.Type(),
              .allowed = kind.Allowed(),
              .fallback = kind.Format(Value(kind.fallback)),
              .lowest = kind.Lowest(),
              .highest = kind.Highest(),
              .assign = {},
              .format = {}};
  row.assign = [kind, path...](std::string_view text, Settings& settings) -> base::Result<void> {
    base::Result<Value> value = kind.Parse(text);
    if (!value) return std::unexpected(std::move(value.error()));
    Follow(settings, path...) = Convert<Field>(*value);
    return {};
  };
  row.format = [kind, path...](const Settings& settings) {
    return kind.Format(Convert<Value>(Follow(settings, path...)));
  };
  return row;
}

// The rows in the order of the documentation; the rows of a group (the part of the key before the first dot)
// are together.
class SettingsTable {
 public:
  // `removed` must outlive the table.
  explicit SettingsTable(std::vector<Setting> rows, std::span<const RemovedSetting> removed = {})
      : rows_(std::move(rows)), removed_(removed) {}

  const std::vector<Setting>& rows() const { return rows_; }
  const Setting* Find(std::string_view key) const;
  std::span<const RemovedSetting> Removed() const { return removed_; }
  const RemovedSetting* FindRemoved(std::string_view key) const;
  // Returns whether there are settings below this path, as below "http".
  bool IsGroup(std::string_view path) const;
  // Returns the key that `name` most likely means, by the spelling of the key, of its last part, or of its
  // environment variable. Empty if nothing is similar.
  std::string_view NearestKey(std::string_view name) const;
  // The same, but groups are candidates too.
  std::string_view NearestKeyOrGroup(std::string_view name) const;

 private:
  std::vector<Setting> rows_;
  std::span<const RemovedSetting> removed_;
};

std::string_view GroupOf(std::string_view key);
// "HTTP server" for "http".
std::string_view GroupTitle(std::string_view group);

// Returns the table of the service's settings. Any thread may call this.
const SettingsTable& ServiceSettings();

Settings DefaultSettings(const SettingsTable& table = ServiceSettings());

}  // namespace ei::service
