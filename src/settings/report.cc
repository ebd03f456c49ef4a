#include "settings/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace ei::service {
namespace {

constexpr std::size_t kHelpColumns = 100;

// Whether a YAML reader may read the text as null, a boolean or a number.
bool ReadsAsOther(std::string_view text) {
  constexpr std::string_view kWords[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::find(kWords, lower) != std::end(kWords);
}

std::string DoubleQuoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

// Numbers, durations and words are written without quotes, and so is text without any character special to
// YAML.
std::string YamlScalar(const Setting& row, const std::string& value) {
  if (row.may_be_unset && value.empty()) return "null";
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("./_-").find(c) != std::string_view::npos;
  };
  const bool is_number = row.type == "integer" || row.type == "number";
  const bool starts_as_text =
      !value.empty() &&
      (std::isalnum(static_cast<unsigned char>(value.front())) != 0 || value.front() == '/');
  if (is_number || (starts_as_text && std::ranges::all_of(value, plain) && !ReadsAsOther(value)))
    return value;
  return DoubleQuoted(value);
}

std::string Lines(std::string_view text, std::size_t indent, std::size_t columns) {
  std::string lines;
  std::size_t used = 0;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    if (used != 0 && used + 1 + word.size() > columns) {
      lines += '\n';
      used = 0;
    }
    if (used == 0) {
      lines.append(indent, ' ');
      used = indent;
    } else {
      lines += ' ';
      ++used;
    }
    lines += word;
    used += word.size();
  }
  return lines + '\n';
}

std::string ShownDefault(const Setting& row) { return row.fallback.empty() ? "unset" : row.fallback; }

std::string TableCell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c;
  }
  return cell;
}

constexpr std::string_view kDocumentHead =
    R"(<!-- Made by `event-ingestor config docs` from the settings table; do not edit. -->
# Settings

Every setting has a safe and useful default. A value can come from four sources; the first source in this list
that has a value wins:

1. a flag: `--` and the key, as in `--http.port=80` or `--http.port 80`
2. an environment variable, as in `HTTP_PORT=80`; an empty variable counts as unset
3. a YAML file of at most 1 MiB, named by `--config FILE` or `CONFIG=FILE`
4. the default

In the file, the parts of the key are nested groups, and each setting is a single value:

```yaml
http:
  address: 0.0.0.0
  port: 80
kafka:
  brokers: broker-1:9092,broker-2:9092
```

The service does not start (exit status 2) when a key or flag is unknown, a value has the wrong type or is
out of its range, or settings contradict each other. The message lists every fault with its source and with
the allowed values. Values that another source overrides are checked too. The file must not contain lists,
aliases, anchors, tags or duplicate keys. Environment variables with other names are ignored, as most of them
belong to other programs: `config print --show-origin` shows whether a variable is used.

| command | what it does |
|---|---|
| `event-ingestor config check` | prints `ok`, or all faults with exit status 2; warns of removed settings |
| `event-ingestor config print` | prints the effective settings as YAML; secrets as `********` |
| `event-ingestor config print --show-origin` | the same, with the source of each value |
| `event-ingestor config docs` | prints this document |

Types: a *duration* is a number and its unit, `us`, `ms`, `s`, `m` or `h`, as in `1.5s`. A *size* is a number
of bytes, or a number and its unit: `KiB`, `MiB`, `GiB`, `TiB` or short `K`, `M`, `G`, `T` (powers of 1024),
`KB`, `MB`, `GB`, `TB` (powers of 1000). A *number* may have decimals, an *integer* has none. The case of a
*word* does not matter.
)";

constexpr std::string_view kRemovedHead = R"(
## Removed settings

For one release these may still be given, as a flag, in the environment or in the file. They have no effect, and
a warning names each: `config check` prints it, and the log has a line with the code `setting_removed`.

| key | environment | instead |
|---|---|---|
)";

}  // namespace

std::string PrintSettings(const ResolvedSettings& resolved, bool show_origin, const SettingsTable& table) {
  std::string yaml;
  std::string_view group;
  for (std::size_t i = 0; i < table.rows().size(); ++i) {
    const Setting& row = table.rows()[i];
    if (GroupOf(row.key) != group) {
      group = GroupOf(row.key);
      yaml += fmt::format("{}:\n", group);
    }
    const std::string value = row.format(resolved.settings);
    const std::string shown =
        row.secret && !value.empty() ? DoubleQuoted(kSecretMask) : YamlScalar(row, value);
    yaml += fmt::format("  {}: {}", row.key.substr(group.size() + 1), shown);
    if (show_origin) yaml += "  # " + ToText(resolved.origins[i]);
    yaml += '\n';
  }
  return yaml;
}

std::string SettingsHelp(const SettingsTable& table) {
  std::string help;
  std::string_view group;
  for (const Setting& row : table.rows()) {
    if (GroupOf(row.key) != group) {
      group = GroupOf(row.key);
      help += fmt::format("\n{}\n", GroupTitle(group));
    }
    help += fmt::format("  --{}=<{}>  {}\n", row.key, row.type, row.env);
    help += Lines(fmt::format("default {}; allowed: {}", ShownDefault(row), row.allowed), 6, kHelpColumns);
    help += Lines(row.text, 6, kHelpColumns);
  }
  return help;
}

std::string SettingsDocument(const SettingsTable& table) {
  std::string document(kDocumentHead);
  std::string_view group;
  for (const Setting& row : table.rows()) {
    if (GroupOf(row.key) != group) {
      group = GroupOf(row.key);
      document += fmt::format(
          "\n## {}\n\n| key | environment | type | default | allowed | what it does, when to change it |\n"
          "|---|---|---|---|---|---|\n",
          GroupTitle(group));
    }
    const std::string fallback = row.fallback.empty() ? "unset" : fmt::format("`{}`", row.fallback);
    document += fmt::format("| `{}` | `{}` | {} | {} | {} | {} Example: `{}`.{} |\n", row.key, row.env,
                            row.type, TableCell(fallback), TableCell(row.allowed), TableCell(row.text),
                            TableCell(row.example), row.secret ? " Secret: never printed." : "");
  }
  if (!table.Removed().empty()) document += kRemovedHead;
  for (const RemovedSetting& setting : table.Removed()) {
    document += fmt::format("| `{}` | `{}` | {} |\n", setting.key, setting.env, TableCell(setting.instead));
  }
  return document;
}

}  // namespace ei::service
