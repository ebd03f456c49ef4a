#include "commands/dead_letter_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "settings/humanize.h"
#include "settings/settings_fault.h"

namespace ei::service {

namespace {

constexpr size_t kColumns = 6;
using Row = std::array<std::string, kColumns>;

std::string OrNone(const std::string& text) { return text.empty() ? "-" : Printable(text); }

Row RowOf(std::string code, std::string topic, const DeadLetterStats::Group& group, base::WallTime now) {
  return {std::move(code),
          std::move(topic),
          NumberText(group.dead_letters),
          BytesText(group.bytes),
          AgeText(now - group.oldest) + " ago",
          AgeText(now - group.newest) + " ago"};
}

std::string AsTable(const std::vector<Row>& rows) {
  constexpr std::array<bool, kColumns> kToTheRight = {false, false, true, true, true, true};
  std::array<size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < kColumns; ++i) {
      if (i > 0) line += "  ";
      line += kToTheRight[i] ? fmt::format("{:>{}}", row[i], widths[i])
                             : fmt::format("{:<{}}", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

std::string JsonString(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : Printable(text)) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted += '"';
}

std::string GroupAsJson(const DeadLetterStats::Group& group) {
  const bool any = group.dead_letters > 0;
  const auto time = [any](base::WallTime moment) {
    return any ? '"' + TimeText(moment.time_since_epoch().count()) + '"' : "null";
  };
  return fmt::format(R"("letters":{},"bytes":{},"oldest":{},"newest":{})", group.dead_letters, group.bytes,
                     time(group.oldest), time(group.newest));
}

std::string Line(std::string_view name, uint64_t count, std::string_view note = {}) {
  std::string line = fmt::format("{:<11} {}", name, NumberText(count));
  if (!note.empty()) line.append("  ").append(note);
  return line += '\n';
}

}  // namespace

std::string GroupTable(const DeadLetterStats& groups, base::WallTime now) {
  if (groups.Groups().empty()) return "no dead letters\n";
  std::vector<Row> rows = {{"code", "topic", "records", "bytes", "oldest", "newest"}};
  for (const auto& [key, group] : groups.Groups()) {
    rows.push_back(RowOf(OrNone(key.code), OrNone(key.topic), group, now));
  }
  if (groups.Groups().size() > 1) rows.push_back(RowOf("all", "", groups.Total(), now));
  return AsTable(rows);
}

std::string GroupsAsJson(const DeadLetterStats& groups) {
  std::string text = "{" + GroupAsJson(groups.Total()) + R"(,"groups":[)";
  std::string_view before;
  for (const auto& [key, group] : groups.Groups()) {
    text += before;
    text += fmt::format(R"({{"code":{},"topic":{},{}}})", JsonString(key.code), JsonString(key.topic),
                        GroupAsJson(group));
    before = ",";
  }
  return text += "]}\n";
}

std::string RedriveSummary(const ei::Redrive::Counts& counts, base::Duration took,
                           std::string_view dlq_topic) {
  std::string text =
      Line("read", counts.read) + Line("matched", counts.matched) + Line("sent back", counts.sent);
  for (const auto& [code, count] : counts.died_again) {
    text += Line("rejected", count, fmt::format("{}: in {} again", Printable(code), dlq_topic));
  }
  if (counts.sent_earlier > 0) {
    text +=
        Line("skipped", counts.sent_earlier, "another redrive has sent them back (--again: send them too)");
  }
  for (size_t i = 0; i < counts.unfit.size(); ++i) {
    if (counts.unfit[i] > 0) text += Line("skipped", counts.unfit[i], Explain(static_cast<RedriveFault>(i)));
  }
  for (const auto& [code, count] : counts.left) {
    text += Line("left", count, fmt::format("{}: rejected by {} too", Printable(code), dlq_topic));
  }
  for (const std::string& place : counts.left_at) text += "            at " + place + '\n';
  const double seconds = std::chrono::duration<double>(took).count();
  const double rate = seconds > 0 ? static_cast<double>(counts.sent) / seconds : 0;
  return text +
         fmt::format("{:<11} {}, {}/s\n", "time", AgeText(took), NumberText(static_cast<uint64_t>(rate)));
}

}  // namespace ei::service
