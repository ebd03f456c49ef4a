#include "settings/clients_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <initializer_list>
#include <optional>
#include <unordered_map>
#include <utility>

#include "adapters/auth/api_key.h"
#include "base/utf8.h"
#include "event/event.h"
#include "event/timestamp.h"
#include "event/topic_name.h"
#include "settings/edit_distance.h"
#include "settings/enums.h"
#include "settings/kinds.h"
#include "settings/yaml.h"
#include "settings/yaml_list.h"
#include "system/file_calls.h"
#include "system/locked_folder.h"

namespace ei::service {
namespace {

using base::ErrorKind;
using base::Fail;
using base::Result;

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::size_t kRulesMax = 1000;  // in a list of a client
constexpr std::size_t kCertificateNameBytesMax = 1024;
constexpr std::size_t kClaimsMax = 100;  // in a set
constexpr std::size_t kClaimBytesMax = 1024;

const Decimal kRate{.min = 0.001, .max = 1e9, .unit = "events per second"};
const Decimal kBurst{.min = 1, .max = 1e9, .unit = "events"};
const Bytes kInflight{.min = 1024, .max = std::uint64_t{1} << 40};
const Decimal kJournalPart{.min = 0.0001, .max = 1};

// A name, or a prefix and *.
Result<std::string> ReadRule(std::string_view text) {
  if (text.empty()) return Fail(ErrorKind::kInvalid, "is empty; write a name, or a prefix and *");
  if (text.substr(0, text.size() - 1).contains('*')) {
    return Fail(ErrorKind::kInvalid, "has a * that is not its last character");
  }
  return std::string(text);
}

Result<std::string> ReadTypeRule(std::string_view text) {
  if (text.size() > kTypeBytesMax) return Fail(ErrorKind::kInvalid, "is longer than any type");
  return ReadRule(text);
}

Result<std::string> ReadTopicRule(std::string_view text) {
  auto rule = ReadRule(text);
  if (!rule) return rule;
  // A prefix is valid if it is the beginning of a valid name.
  const bool prefix = text.ends_with('*');
  const std::string name = prefix ? rule->substr(0, rule->size() - 1) + "x" : *rule;
  if (!IsTopicName(name)) return Fail(ErrorKind::kInvalid, "is not a name that Kafka allows for a topic");
  return rule;
}

Result<std::string> ReadCertificateName(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  if (colon == std::string_view::npos ||
      (kind != "subject" && kind != "dns" && kind != "uri" && kind != "email")) {
    return Fail(ErrorKind::kInvalid, "does not begin with subject:, dns:, uri: or email:");
  }
  if (text.size() == colon + 1) return Fail(ErrorKind::kInvalid, "has no name after the colon");
  if (text.size() > kCertificateNameBytesMax) return Fail(ErrorKind::kInvalid, "is too long");
  return std::string(text);
}

// Two sets with the same claims have the same text.
std::string CanonicalText(ClaimSet claims) {
  std::ranges::sort(claims);
  std::string text;
  for (const auto& [name, value] : claims)
    text += fmt::format("{}:{}{}:{}", name.size(), name, value.size(), value);
  return text;
}

class ClientsReader {
 public:
  explicit ClientsReader(std::string_view name) : name_(name) {}

  std::expected<std::vector<ClientEntry>, std::vector<SettingFault>> Read(std::string_view text) {
    if (text.size() > kClientsFileBytesMax) {
      AddFault(0, fmt::format("is larger than {} bytes; is it the right file?", kClientsFileBytesMax));
    } else if (!base::IsUtf8(text)) {
      AddFault(0, "is not UTF-8 text");
    } else {
      ReadYamlList(
          text, "clients",
          {.on_item =
               [this](const YamlNode& node) {
                 ReadClient(node);
                 return faults_.size() < kFileFaultsMax;
               },
           .on_fault = [this](int line, std::string message) { AddFault(line, std::move(message)); }});
    }
    if (!faults_.empty()) return std::unexpected(std::move(faults_));
    return std::move(entries_);
  }

 private:
  // Where something that has to be unique was first.
  using Lines = std::unordered_map<std::string, int>;

  void ReadClient(const YamlNode& node) {
    if (entries_.size() == kClientsMax) {
      AddFault(node.line, fmt::format("clients: more than {} of them", kClientsMax));
    }
    if (entries_.size() >= kClientsMax) return;
    ClientEntry& entry = entries_.emplace_back();
    if (!HasOnly(node, {"name", "keys", "certificates", "claims", "types", "topics", "acks", "rate", "burst",
                        "inflight_bytes", "journal_part", "admin"})) {
      return;
    }
    if (Find(node, "name") == nullptr) AddFault(node.line, "clients: a client needs a name");
    for (const YamlMember& member : node.members) ReadMember(member, entry);
    if (entry.client.limits.burst && !entry.client.limits.rate) {
      AddFault(node.line, "burst: needs a rate too");
    }
  }

  void ReadMember(const YamlMember& member, ClientEntry& entry) {
    const std::string& name = member.name;
    const YamlNode& value = member.value;
    ClientLimits& limits = entry.client.limits;
    if (name == "name") return ReadName(value, entry.client.name);
    if (name == "keys") return ForEach(member, [&](const YamlNode& item) { ReadKey(item, entry.keys); });
    if (name == "certificates") {
      return ForEach(member, [&](const YamlNode& item) { ReadCertificate(item, entry.certificates); });
    }
    if (name == "claims")
      return ForEach(member, [&](const YamlNode& item) { ReadClaims(item, entry.claims); });
    if (name == "types") entry.client.rights.types = RulesOf(member, ReadTypeRule);
    if (name == "topics") entry.client.rights.topics = RulesOf(member, ReadTopicRule);
    if (name == "acks") ReadAcks(member, entry.client.rights.acks);
    if (name == "rate") limits.rate = ValueOf(member, kRate);
    if (name == "burst") limits.burst = ValueOf(member, kBurst);
    if (name == "inflight_bytes") limits.inflight_bytes_max = ValueOf(member, kInflight);
    if (name == "journal_part") limits.journal_part = ValueOf(member, kJournalPart);
    if (name == "admin") {
      const Choice<bool> yes_or_no{.fallback = false, .words = {{"true", true}, {"false", false}}};
      entry.client.rights.admin = ValueOf(member, yes_or_no).value_or(false);
    }
  }

  void ReadName(const YamlNode& node, std::string& name) {
    if (!node.IsText() || !IsClientName(node.text)) {
      return AddFault(node.line, fmt::format("name: {} is not 1 to {} characters of A-Z a-z 0-9 . _ -",
                                             Quoted(node.text), kClientNameBytesMax));
    }
    name = node.text;
    RequireNew(names_, name, node.line, "name", name);
  }

  void ReadKey(const YamlNode& node, std::vector<ClientKey>& keys) {
    if (!HasOnly(node, {"id", "hash", "expires"})) return;
    const YamlNode* const id = Find(node, "id");
    const YamlNode* const hash = Find(node, "hash");
    if (id == nullptr || hash == nullptr) return AddFault(node.line, "keys: a key needs an id and a hash");
    ClientKey key;
    // A value may be a secret that was written to the wrong place, so it isn't shown.
    if (!id->IsText() || !auth::IsApiKeyId(id->text)) {
      return AddFault(id->line, fmt::format("id: the value (not shown) is not the public part of a key, {} "
                                            "characters between its first and its second _",
                                            auth::kApiKeyIdBytes));
    }
    const auto read = hash->IsText() ? auth::ReadKeyHash(hash->text) : std::nullopt;
    if (!read) {
      return AddFault(hash->line,
                      "hash: the value (not shown) is not the hash of a key; "
                      "`event-ingestor clients add` makes keys and their hashes");
    }
    key.id = id->text;
    key.hash = *read;
    if (const YamlNode* const expires = Find(node, "expires")) {
      const auto time = expires->IsText() ? ParseTimestamp(expires->text) : std::nullopt;
      if (!time) {
        AddFault(expires->line, fmt::format("expires: {} is not a time such as 2027-01-31T00:00:00Z",
                                            Quoted(expires->text)));
      }
      key.expires_at = time.value_or(key.expires_at);
    }
    RequireNew(key_ids_, key.id, id->line, "id", key.id);
    keys.push_back(std::move(key));
  }

  void ReadCertificate(const YamlNode& node, std::vector<std::string>& certificates) {
    auto name = TextOf(node, "certificates", ReadCertificateName);
    if (!name) return;
    RequireNew(certificates_, ClientDirectory::CanonicalCertificateName(*name), node.line, "certificates",
               *name);
    certificates.push_back(std::move(*name));
  }

  void ReadClaims(const YamlNode& node, std::vector<ClaimSet>& sets) {
    if (!node.IsMap() || node.members.empty()) {
      return AddFault(node.line,
                      "claims: each has to be a map such as {iss: https://issuer.example, sub: orders}");
    }
    if (node.members.size() > kClaimsMax) {
      return AddFault(node.line, fmt::format("claims: more than {} in a set", kClaimsMax));
    }
    ClaimSet claims;
    for (const YamlMember& member : node.members) {
      if (!member.value.IsText() || member.name.size() + member.value.text.size() > kClaimBytesMax) {
        return AddFault(member.line, fmt::format("claims: {} needs a single value of at most {} bytes",
                                                 Quoted(member.name), kClaimBytesMax));
      }
      if (std::ranges::find(claims, member.name, &ClaimSet::value_type::first) != claims.end()) {
        return AddFault(member.line, fmt::format("claims: {} is given twice", Quoted(member.name)));
      }
      claims.emplace_back(member.name, member.value.text);
    }
    RequireNew(claim_sets_, CanonicalText(claims), node.line, "claims", node.members.front().value.text);
    sets.push_back(std::move(claims));
  }

  void ReadAcks(const YamlMember& member, std::array<bool, 3>& acks) {
    acks = {};
    ForEach(member, [&](const YamlNode& item) {
      if (const auto level = ValueOf({member.name, item.line, item}, AckWords())) {
        acks[static_cast<std::size_t>(*level)] = true;
      }
    });
    if (member.value.IsList() && member.value.items.empty()) {
      AddFault(member.line, "acks: allows no level; leave it out to allow all");
    }
  }

  NameRules RulesOf(const YamlMember& member, Result<std::string> (*read)(std::string_view)) {
    std::vector<std::string> rules;
    ForEach(member, [&](const YamlNode& item) {
      if (auto rule = TextOf(item, member.name, read)) rules.push_back(std::move(*rule));
    });
    return NameRules(rules);
  }

  template <typename Read>
  void ForEach(const YamlMember& member, Read read) {
    if (!member.value.IsList()) return AddFault(member.line, member.name + ": has to be a list");
    if (member.value.items.size() > kRulesMax) {
      return AddFault(member.line, fmt::format("{}: more than {} of them", member.name, kRulesMax));
    }
    for (const YamlNode& item : member.value.items) read(item);
  }

  template <typename Kind>
  std::optional<typename Kind::Value> ValueOf(const YamlMember& member, const Kind& kind) {
    const YamlNode& node = member.value;
    if (!node.IsText()) {
      AddFault(member.line,
               fmt::format("{}: has to be a single value; allowed: {}", member.name, kind.Allowed()));
      return std::nullopt;
    }
    auto value = kind.Parse(node.text);
    if (value) return *value;
    AddFault(node.line, fmt::format("{}: {} {}; allowed: {}", member.name, Quoted(node.text),
                                    value.error().message, kind.Allowed()));
    return std::nullopt;
  }

  std::optional<std::string> TextOf(const YamlNode& node, std::string_view member,
                                    Result<std::string> (*read)(std::string_view)) {
    if (!node.IsText()) {
      AddFault(node.line, fmt::format("{}: each has to be a single value", member));
      return std::nullopt;
    }
    auto text = read(node.text);
    if (text) return std::move(*text);
    AddFault(node.line, fmt::format("{}: {} {}", member, Quoted(node.text), text.error().message));
    return std::nullopt;
  }

  bool HasOnly(const YamlNode& node, std::initializer_list<std::string_view> names) {
    if (!node.IsMap()) {
      AddFault(node.line, fmt::format("expected a map of {}", fmt::join(names, ", ")));
      return false;
    }
    bool known = true;
    for (const YamlMember& member : node.members) {
      if (std::ranges::find(names, member.name) == names.end()) {
        AddFault(member.line, UnknownMember(member.name, names));
        known = false;
      } else if (Find(node, member.name) != &member.value) {
        AddFault(member.line, fmt::format("{} is given twice", member.name));
        known = false;
      }
    }
    return known;
  }

  static std::string UnknownMember(const std::string& name, std::initializer_list<std::string_view> names) {
    if (name.size() <= kSpellingBytesMax) {
      const auto distance = [&name](std::string_view known) { return SpellingDistance(name, known); };
      const std::string_view nearest = *std::ranges::min_element(names, {}, distance);
      if (IsLikelySlip(distance(nearest), name.size())) {
        return fmt::format("{} is not known here; did you mean {}?", Quoted(name), nearest);
      }
    }
    return fmt::format("{} is not known here; allowed: {}", Quoted(name), fmt::join(names, ", "));
  }

  static const YamlNode* Find(const YamlNode& node, std::string_view name) {
    const auto found = std::ranges::find(node.members, name, &YamlMember::name);
    return found == node.members.end() ? nullptr : &found->value;
  }

  void RequireNew(Lines& lines, std::string text, int line, std::string_view member, std::string_view shown) {
    const auto [first, is_new] = lines.emplace(std::move(text), line);
    if (is_new) return;
    AddFault(line, fmt::format("{}: {} is given twice; the first is in line {}", member, Quoted(shown),
                               first->second));
  }

  void AddFault(int line, std::string message) {
    if (faults_.size() == kFileFaultsMax) return;
    const std::string path = PrintableLong(name_);
    faults_.push_back({std::string(kClientsFileKey),
                       line > 0 ? fmt::format("file {}:{}", path, line) : "file " + path,
                       std::move(message)});
  }

  const std::string_view name_;
  std::vector<ClientEntry> entries_;
  std::vector<SettingFault> faults_;
  Lines names_;
  Lines key_ids_;
  Lines certificates_;
  Lines claim_sets_;
};

}  // namespace

std::expected<std::vector<ClientEntry>, std::vector<SettingFault>> ReadClients(std::string_view name,
                                                                               std::string_view text) {
  return ClientsReader(name).Read(text);
}

Result<std::string> ReadClientsText(const std::string& path) {
  system::FileCalls& calls = system::RealFileCalls();
  // O_NONBLOCK, so that a named pipe is not waited for.
  const system::Descriptor file(calls, calls.OpenAt(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK, 0));
  struct stat before = {};
  struct stat after = {};
  const auto fail = [] { return Fail(ErrorKind::kStorage, "can't be read: " + system::ErrorText(errno)); };
  if (!file.IsOpen() || ::fstat(file.Get(), &before) != 0) return fail();
  if (!S_ISREG(before.st_mode)) return Fail(ErrorKind::kInvalid, "is not a regular file");
  std::string text;
  while (text.size() <= kClientsFileBytesMax) {
    const std::size_t had = text.size();
    text.resize(had + kReadBytes);
    const ssize_t got =
        system::Uninterrupted([&] { return ::read(file.Get(), text.data() + had, kReadBytes); });
    if (got < 0) return fail();
    text.resize(had + static_cast<std::size_t>(got));
    if (got == 0) break;
  }
  if (text.size() > kClientsFileBytesMax) {
    return Fail(ErrorKind::kInvalid,
                fmt::format("is larger than {} bytes; is it the right file?", kClientsFileBytesMax));
  }
  if (::fstat(file.Get(), &after) != 0) return fail();
  if (static_cast<std::size_t>(after.st_size) != text.size() ||
      after.st_mtim.tv_sec != before.st_mtim.tv_sec || after.st_mtim.tv_nsec != before.st_mtim.tv_nsec) {
    return Fail(ErrorKind::kUnavailable, "was changed while it was read");
  }
  return text;
}

std::expected<std::vector<ClientEntry>, std::vector<SettingFault>> LoadClients(const std::string& path) {
  const Result<std::string> text = ReadClientsText(path);
  if (text) return ReadClients(path, *text);
  return std::unexpected(std::vector<SettingFault>{
      {std::string(kClientsFileKey), "file " + PrintableLong(path), text.error().message}});
}

}  // namespace ei::service
