#include "clients/client_directory.h"

#include <algorithm>
#include <cassert>
#include <optional>

namespace ei {

namespace {

constexpr std::string_view kDns = "dns:";

// No two pairs have the same text.
std::string ClaimText(std::string_view name, std::string_view value) {
  std::string text = std::to_string(name.size());
  text.append(":").append(name).append(value);
  return text;
}

bool Has(const TokenClaims& claims, const std::pair<std::string, std::string>& wanted) {
  return std::ranges::any_of(claims, [&wanted](const auto& claim) {
    return claim.first == wanted.first &&
           std::ranges::find(claim.second, wanted.second) != claim.second.end();
  });
}

bool HasAll(const TokenClaims& claims, const ClaimSet& wanted) {
  return std::ranges::all_of(wanted, [&claims](const auto& claim) { return Has(claims, claim); });
}

}  // namespace

ClientDirectory::ClientDirectory(std::vector<ClientEntry> entries) {
  clients_.reserve(entries.size());
  keys_.reserve(entries.size());
  std::vector<OwnedClaims> sets;
  for (ClientEntry& entry : entries) {
    const auto index = static_cast<ClientIndex>(clients_.size());
    clients_.push_back(std::make_shared<const Client>(std::move(entry.client)));
    for (ClientKey& key : entry.keys) {
      const FoundKey found{clients_.back(), key.hash, key.expires_at};
      [[maybe_unused]] const bool is_new = keys_.emplace(std::move(key.id), found).second;
      assert(is_new);
    }
    for (const std::string& name : entry.certificates) {
      [[maybe_unused]] const bool is_new =
          certificates_.emplace(CanonicalCertificateName(name), index).second;
      assert(is_new);
    }
    for (ClaimSet& claims : entry.claims) {
      assert(!claims.empty());
      sets.push_back({std::move(claims), index});
    }
  }
  IndexClaims(std::move(sets));
}

void ClientDirectory::IndexClaims(std::vector<OwnedClaims> sets) {
  Index<size_t> uses;
  for (const OwnedClaims& set : sets) {
    for (const auto& [name, value] : set.claims) ++uses[ClaimText(name, value)];
  }
  for (OwnedClaims& set : sets) {
    const auto uses_of = [&uses](const auto& claim) {
      return uses.find(ClaimText(claim.first, claim.second))->second;
    };
    const auto& [name, value] = *std::ranges::min_element(set.claims, {}, uses_of);
    std::vector<OwnedClaims>& listed = claims_[ClaimText(name, value)];
    listed.push_back(std::move(set));
  }
}

const ClientDirectory::FoundKey* ClientDirectory::FindKey(std::string_view id) const {
  const auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : &found->second;
}

std::shared_ptr<const Client> ClientDirectory::FindByCertificate(const PeerCertificate& certificate) const {
  std::optional<ClientIndex> client;
  bool unique = true;
  const auto look_up = [&](std::string_view kind, std::string_view name) {
    const auto found = certificates_.find(CanonicalCertificateName(std::string(kind).append(name)));
    if (found == certificates_.end()) return;
    unique = unique && (!client || *client == found->second);
    client = found->second;
  };
  look_up("subject:", certificate.subject);
  for (const std::string& name : certificate.dns) look_up(kDns, name);
  for (const std::string& name : certificate.uris) look_up("uri:", name);
  for (const std::string& name : certificate.emails) look_up("email:", name);
  return client && unique ? clients_[*client] : nullptr;
}

std::shared_ptr<const Client> ClientDirectory::FindByClaims(const TokenClaims& claims) const {
  const OwnedClaims* best = nullptr;
  bool unique = true;
  const auto consider = [&](const OwnedClaims& set) {
    const size_t size = best == nullptr ? 0 : best->claims.size();
    if (set.claims.size() < size || !HasAll(claims, set.claims)) return;
    unique = set.claims.size() > size || (unique && set.client == best->client);
    best = &set;
  };
  for (const auto& [name, values] : claims) {
    for (const std::string& value : values) {
      const auto listed = claims_.find(ClaimText(name, value));
      if (listed != claims_.end()) std::ranges::for_each(listed->second, consider);
    }
  }
  return best != nullptr && unique ? clients_[best->client] : nullptr;
}

std::string ClientDirectory::CanonicalCertificateName(std::string_view name) {
  std::string canonical(name);
  if (name.starts_with(kDns)) {
    std::ranges::transform(canonical, canonical.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  }
  return canonical;
}

}  // namespace ei
