#include "commands/clients_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

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

std::string Text(const ClaimSet& claims) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : claims) parts.push_back(Printable(name) + "=" + Printable(value));
  return fmt::format("{}", fmt::join(parts, " "));
}

std::string Json(const ClientKey& key, base::WallTime now) {
  const bool has_expiry = key.expires_at != base::WallTime::max();
  return fmt::format(R"({{"id":{},"expires":{},"expired":{}}})", JsonString(key.id),
                     has_expiry ? JsonString(ToSeconds(key.expires_at)) : "null", HasExpired(key, now));
}

std::string Json(const ClaimSet& claims) {
  std::vector<std::string> members;
  for (const auto& [name, value] : claims) members.push_back(JsonString(name) + ":" + JsonString(value));
  return fmt::format("{{{}}}", fmt::join(members, ","));
}

std::string Json(const ClientEntry& entry, base::WallTime now) {
  std::vector<std::string> keys;
  std::vector<std::string> certificates;
  std::vector<std::string> claims;
  for (const ClientKey& key : entry.keys) keys.push_back(Json(key, now));
  for (const std::string& name : entry.certificates) certificates.push_back(JsonString(name));
  for (const ClaimSet& set : entry.claims) claims.push_back(Json(set));
  return fmt::format(R"({{"name":{},"keys":[{}],"certificates":[{}],"claims":[{}],"admin":{}}})",
                     JsonString(entry.client.name), fmt::join(keys, ","), fmt::join(certificates, ","),
                     fmt::join(claims, ","), entry.client.rights.admin);
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
  std::string text = R"({"clients":[)";
  for (const ClientEntry& entry : clients) {
    if (!text.ends_with('[')) text += ',';
    text += Json(entry, now);
  }
  return text += "]}\n";
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
