#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/current.h"
#include "base/time.h"
#include "clients/client.h"
#include "clients/peer_certificate.h"

namespace ei {

// What is stored of an API key: adapters/auth/api_key.h says how it is computed.
struct KeyHash {
  std::array<uint8_t, 16> salt = {};
  std::array<uint8_t, 32> digest = {};

  friend bool operator==(const KeyHash&, const KeyHash&) = default;
};

struct ClientKey {
  std::string id;  // the public part of the key; unique
  KeyHash hash = {};
  base::WallTime expires_at = base::WallTime::max();  // it is valid before
};

// Claims of a token that must all be there, each name with its value.
using ClaimSet = std::vector<std::pair<std::string, std::string>>;

// The claims of a verified token. A claim may have several values, such as those of "aud".
using TokenClaims = std::vector<std::pair<std::string, std::vector<std::string>>>;

// A client, and how it is recognised.
struct ClientEntry {
  Client client;
  std::vector<ClientKey> keys = {};
  // "subject:", "dns:", "uri:" or "email:" and the name, as in a PeerCertificate; unique. Upper and lower
  // case are the same in the names of DNS.
  std::vector<std::string> certificates = {};
  std::vector<ClaimSet> claims = {};  // a token has to match one of these; none is empty
};

// All clients that are known, with an index for each way to recognise one. Immutable and therefore
// thread-safe.
class ClientDirectory {
 public:
  struct FoundKey {
    std::shared_ptr<const Client> client;
    KeyHash hash;
    base::WallTime expires_at;
  };

  ClientDirectory() = default;
  // The names of clients, the ids of keys, the names of certificates and the sets of claims have to be
  // unique.
  explicit ClientDirectory(std::vector<ClientEntry> entries);

  size_t Size() const { return clients_.size(); }
  std::span<const std::shared_ptr<const Client>> Clients() const { return clients_; }

  // Null if there is no such key. Valid as long as this object.
  const FoundKey* FindKey(std::string_view id) const;

  // The client that has a name of the certificate. Null if none has, or if its names belong to different
  // clients.
  std::shared_ptr<const Client> FindByCertificate(const PeerCertificate& certificate) const;

  // The client of the largest set whose claims the token all has. Null if there is none, or if such sets
  // belong to different clients.
  std::shared_ptr<const Client> FindByClaims(const TokenClaims& claims) const;

  // The form in which two names of certificates are compared.
  static std::string CanonicalCertificateName(std::string_view name);

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  template <typename T>
  using Index = std::unordered_map<std::string, T, Hash, std::equal_to<>>;
  using ClientIndex = uint32_t;  // into clients_

  struct OwnedClaims {
    ClaimSet claims;
    ClientIndex client;
  };

  void IndexClaims(std::vector<OwnedClaims> sets);

  std::vector<std::shared_ptr<const Client>> clients_;
  Index<FoundKey> keys_;
  Index<ClientIndex> certificates_;
  // Each set is listed under its rarest claim, so that a claim that many sets have, such as the issuer, leads
  // to few candidates.
  Index<std::vector<OwnedClaims>> claims_;
};

using CurrentClients = base::Current<ClientDirectory>;

}  // namespace ei
