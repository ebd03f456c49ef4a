#include "commands/clients_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "commands/clients_text.h"
#include "commands/json_string.h"
#include "settings/settings_fault.h"

namespace ei::service {
namespace {

using Row = std::array<std::string, 4>;

bool HasExpired(const ClientKey& key, base::WallTime now) { return now >= key.expires_at; }

std::string Validity(const ClientKey& key, base::WallTime now) {
  if (key.expires_at == base::WallTime::max()) return "no expiry";
  return (HasExpired(key, now) ? "expired " : "until ") + ToSeconds(key.expires_at);
}

// The texts of all items, with a separator between them.
template <typename Items, typename TextOf>
std::string Joined(const Items& items, std::string_view separator, TextOf text_of) {
  std::string text;
  for (const auto& item : items) text.append(text.empty() ? "" : separator).append(text_of(item));
  return text;
}

std::string Text(const ClaimSet& claims) {
  return Joined(claims, " ",
                [](const auto& claim) { return Printable(claim.first) + "=" + Printable(claim.second); });
}

std::string Json(const ClientKey& key, base::WallTime now) {
  const bool has_expiry = key.expires_at != base::WallTime::max();
  return fmt::format(R"({{"id":{},"expires":{},"expired":{}}})", JsonString(key.id),
                     has_expiry ? JsonString(ToSeconds(key.expires_at)) : "null", HasExpired(key, now));
}

std::string Json(const ClaimSet& claims) {
  const auto member = [](const auto& claim) {
    return JsonString(claim.first) + ":" + JsonString(claim.second);
  };
  return "{" + Joined(claims, ",", member) + "}";
}

std::string Json(const ClientEntry& entry, base::WallTime now) {
  return fmt::format(R"({{"name":{},"keys":[{}],"certificates":[{}],"claims":[{}],"admin":{}}})",
                     JsonString(entry.client.name),
                     Joined(entry.keys, ",", [now](const ClientKey& key) { return Json(key, now); }),
                     Joined(entry.certificates, ",", JsonString),
                     Joined(entry.claims, ",", [](const ClaimSet& claims) { return Json(claims); }),
                     entry.client.rights.admin);
}

}  // namespace

std::string ClientsTable(const std::vector<ClientEntry>& clients, base::WallTime now) {
  std::vector<Row> rows = {{"client", "known by", "", "valid"}};
  for (const ClientEntry& entry : clients) {
    const std::string& name = entry.client.name;
    const std::size_t rows_before = rows.size();
    for (const ClientKey& key : entry.keys) rows.push_back({name, "key", key.id, Validity(key, now)});
    for (const std::string& subject : entry.certificates) {
      rows.push_back({name, "certificate", Printable(subject), ""});
    }
    for (const ClaimSet& set : entry.claims) rows.push_back({name, "claims", Text(set), ""});
    if (rows.size() == rows_before) rows.push_back({name, "nothing", "", ""});
  }
  std::array<std::size_t, 4> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}", row[i], widths[i] + 2);
    text.append(line, 0, line.find_last_not_of(' ') + 1).append("\n");
  }
  return text;
}

std::string ClientsAsJson(const std::vector<ClientEntry>& clients, base::WallTime now) {
  const auto client = [now](const ClientEntry& entry) { return Json(entry, now); };
  return R"({"clients":[)" + Joined(clients, ",", client) + "]}\n";
}

std::string ClientsSummary(const std::vector<ClientEntry>& clients, base::WallTime now) {
  std::size_t keys = 0;
  std::size_t expired = 0;
  for (const ClientEntry& entry : clients) {
    keys += entry.keys.size();
    expired += static_cast<std::size_t>(
        std::ranges::count_if(entry.keys, [now](const ClientKey& key) { return HasExpired(key, now); }));
  }
  return fmt::format("ok: {} clients, {} keys, {} of them expired\n", clients.size(), keys, expired);
}

}  // namespace ei::service
