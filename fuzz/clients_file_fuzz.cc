// Reads arbitrary clients files: each is read, or every fault is reported with a message. Clients that were
// read are found by their keys, certificates and claims. Edits of the file either give a file that can be
// read and has the change, or fail.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "clients/client_directory.h"
#include "commands/clients_text.h"
#include "settings/clients_file.h"

namespace {

using ei::ClientDirectory;
using ei::ClientEntry;

void Require(bool holds) {
  if (!holds) std::abort();
}

ei::TokenClaims TokenWith(const ei::ClaimSet& claims) {
  ei::TokenClaims token;
  for (const auto& [name, value] : claims) token.push_back({name, {value}});
  return token;
}

void CheckIndexes(const std::vector<ClientEntry>& entries) {
  const ClientDirectory directory(entries);
  Require(directory.Size() == entries.size());
  for (const ClientEntry& entry : entries) {
    Require(ei::IsClientName(entry.client.name));
    for (const ei::ClientKey& key : entry.keys) {
      const auto* const found = directory.FindKey(key.id);
      Require(found != nullptr && found->client->name == entry.client.name && found->hash == key.hash);
    }
    for (const std::string& name : entry.certificates) {
      const std::string bare = name.substr(name.find(':') + 1);
      ei::PeerCertificate certificate;
      if (name.starts_with("subject:")) certificate.subject = bare;
      if (name.starts_with("dns:")) certificate.dns = {bare};
      if (name.starts_with("uri:")) certificate.uris = {bare};
      if (name.starts_with("email:")) certificate.emails = {bare};
      const auto found = directory.FindByCertificate(certificate);
      // An entry "subject:" can't be empty, so no other name matches.
      Require(found != nullptr && found->name == entry.client.name);
    }
    for (const ei::ClaimSet& claims : entry.claims) {
      const auto found = directory.FindByClaims(TokenWith(claims));
      Require(found != nullptr && found->name == entry.client.name);
    }
  }
}

void CheckEdits(std::string_view text, const std::vector<ClientEntry>& entries) {
  // An id and a hash that no seed has.
  const ei::service::WrittenKey key{
      "zzzzzzzzzzzz",
      "hmac-sha256$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
      {}};
  const auto count_of = [](const auto& edited) {
    const auto read = ei::service::ReadClients("clients.yaml", *edited);
    return read ? read->size() : std::string_view::npos;
  };
  const ClientDirectory directory(entries);
  if (directory.FindKey(key.id) != nullptr) return;
  const std::string name = entries.empty() ? "a" : entries.back().client.name;
  if (const auto edited = ei::service::AddClient(text, name + "x", key)) {
    Require(name.size() == ei::kClientNameBytesMax || count_of(edited) == entries.size() + 1);
  }
  if (entries.empty()) return;
  if (const auto edited = ei::service::RemoveClient(text, name))
    Require(count_of(edited) == entries.size() - 1);
  const ei::base::WallTime now{std::chrono::hours(490'000)};
  if (const auto edited = ei::service::AddKey(text, name, key, now, now)) {
    const auto read = ei::service::ReadClients("clients.yaml", *edited);
    Require(read.has_value() && read->size() == entries.size());
    const ClientDirectory changed(*read);
    Require(changed.FindKey(key.id) != nullptr && changed.FindKey(key.id)->client->name == name);
    for (const ei::ClientKey& old : entries.back().keys) {
      const auto* const found = changed.FindKey(old.id);
      Require(found == nullptr ? old.expires_at <= now : found->expires_at <= now);
    }
  }
  for (const ei::ClientKey& old : entries.back().keys) {
    const auto edited = ei::service::RemoveKey(text, old.id);
    if (!edited) continue;
    const auto read = ei::service::ReadClients("clients.yaml", *edited);
    Require(read.has_value() && read->size() == entries.size());
    Require(read->back().keys.size() == entries.back().keys.size() - 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto entries = ei::service::ReadClients("clients.yaml", text);
  if (!entries) {
    Require(!entries.error().empty());
    for (const auto& fault : entries.error()) Require(!ei::service::ToLine(fault).empty());
    return 0;
  }
  Require(entries->size() <= ei::service::kClientsMax);
  CheckIndexes(*entries);
  CheckEdits(text, *entries);
  return 0;
}
