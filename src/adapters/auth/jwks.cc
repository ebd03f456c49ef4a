#include "adapters/auth/jwks.h"

#include <algorithm>
#include <utility>

#include "adapters/auth/jwt_json.h"
#include "base/base64.h"

namespace ei::auth {

namespace {

using nlohmann::json;

std::unexpected<base::Error> Fault(std::string message) {
  return base::Fail(base::ErrorKind::kInvalid, std::move(message));
}

// The bytes of a member in base64url; empty, which no key accepts, if there is no such member.
std::string BytesMember(const json& key, const char* name) {
  const auto text = StringMember(key, name);
  return text ? base::DecodeBase64Url(*text).value_or("") : "";
}

bool IsForVerification(const json& key) {
  const auto use = key.find("use");
  if (use != key.end() && *use != "sig") return false;
  const auto operations = key.find("key_ops");
  if (operations == key.end()) return true;
  return operations->is_array() && std::ranges::find(*operations, "verify") != operations->end();
}

base::Result<JwtKey> ReadKey(const json& key) {
  if (key.contains("d")) return Fault("it has a private member: whoever read it can sign, so replace it");
  const auto type = StringMember(key, "kty");
  const auto curve = StringMember(key, "crv");
  if (type == "RSA") return JwtKey::Rsa(BytesMember(key, "n"), BytesMember(key, "e"));
  if (type == "EC" && curve == "P-256") return JwtKey::P256(BytesMember(key, "x"), BytesMember(key, "y"));
  if (type == "OKP" && curve == "Ed25519") return JwtKey::Ed25519(BytesMember(key, "x"));
  return Fault("its kty or crv is not supported");
}

}  // namespace

base::Result<KeySet::Key> KeySet::Read(const json& member) {
  if (!member.is_object()) return Fault("it is not an object");
  if (!IsForVerification(member)) return Fault("its use or key_ops is not for verification");
  std::optional<std::string> kid;
  if (member.contains("kid")) {
    kid = StringMember(member, "kid");
    if (!kid || kid->size() > kKidBytesMax) return Fault("its kid is not text of at most 256 bytes");
  }
  auto key = ReadKey(member);
  if (!key) return std::unexpected(std::move(key.error()));
  std::optional<JwtAlgorithm> algorithm;
  if (member.contains("alg")) {
    algorithm = JwtAlgorithmOf(StringMember(member, "alg").value_or(""));
    if (!algorithm || !key->Fits(*algorithm)) return Fault("its alg is not supported for such a key");
  }
  return Key{.kid = std::move(kid), .algorithm = algorithm, .key = std::move(*key)};
}

base::Result<KeySet> KeySet::Parse(std::string_view text) {
  if (text.size() > kJwksBytesMax) return Fault("the JWK Set is larger than 256 KiB");
  const auto set = ReadJsonObject(text);
  if (!set) return Fault("the JWK Set is not a JSON object without duplicate members");
  const auto members = set->find("keys");
  if (members == set->end() || !members->is_array()) return Fault("the JWK Set has no list \"keys\"");
  if (members->size() > kJwksKeysMax) return Fault("the JWK Set has more than 100 keys");
  KeySet keys;
  for (size_t i = 0; i < members->size(); ++i) {
    if (auto key = Read((*members)[i])) {
      keys.keys_.push_back(std::move(*key));
    } else {
      keys.ignored_.push_back("key " + std::to_string(i + 1) + ": " + key.error().message);
    }
  }
  return keys;
}

std::vector<const JwtKey*> KeySet::Find(const std::optional<std::string>& kid, JwtAlgorithm algorithm) const {
  std::vector<const JwtKey*> found;
  for (const Key& key : keys_) {
    if (kid && key.kid != kid) continue;
    if (!key.key.Fits(algorithm) || key.algorithm.value_or(algorithm) != algorithm) continue;
    found.push_back(&key.key);
    if (found.size() == kKeyCandidatesMax) break;
  }
  return found;
}

}  // namespace ei::auth
