#include "adapters/auth/jwks.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/signing_key.h"

namespace ei::auth {
namespace {

using nlohmann::json;
using support::Ed25519;
using support::P256;
using support::Rsa;
using support::SigningKey;

std::string SetOf(const std::vector<json>& keys) { return json{{"keys", keys}}.dump(); }

KeySet Parse(const std::vector<json>& keys) { return KeySet::Parse(SetOf(keys)).value(); }

TEST(Jwks, KeysOfEachTypeAreFoundByTheirKidAndAlgorithm) {
  const KeySet keys =
      Parse({Rsa().Jwk({{"kid", "r"}, {"use", "sig"}}), P256().Jwk({{"kid", "e"}, {"key_ops", {"verify"}}}),
             Ed25519().Jwk({{"kid", "o"}, {"x5c", {"AA=="}}, {"unknown", {{"a", 1}}}})});
  EXPECT_EQ(keys.Size(), 3U);
  EXPECT_EQ(keys.Ignored(), std::vector<std::string>());
  EXPECT_EQ(keys.Find("r", JwtAlgorithm::kRs256).size(), 1U);
  EXPECT_EQ(keys.Find("r", JwtAlgorithm::kPs256).size(), 1U) << "its alg is not given";
  EXPECT_EQ(keys.Find("e", JwtAlgorithm::kEs256).size(), 1U);
  EXPECT_EQ(keys.Find("o", JwtAlgorithm::kEdDsa).size(), 1U);
  EXPECT_TRUE(keys.Find("r", JwtAlgorithm::kEs256).empty());
  EXPECT_TRUE(keys.Find("e", JwtAlgorithm::kRs256).empty());
  EXPECT_TRUE(keys.Find("R", JwtAlgorithm::kRs256).empty());
  EXPECT_TRUE(keys.Find("", JwtAlgorithm::kRs256).empty());
  EXPECT_EQ(keys.Find(std::nullopt, JwtAlgorithm::kRs256).size(), 1U);
}

TEST(Jwks, AKeyWithAnAlgorithmIsForThatOnly) {
  const KeySet keys =
      Parse({Rsa().Jwk({{"kid", "p"}, {"alg", "PS256"}}), Ed25519().Jwk({{"alg", "Ed25519"}})});
  EXPECT_EQ(keys.Size(), 2U);
  EXPECT_TRUE(keys.Find("p", JwtAlgorithm::kRs256).empty());
  EXPECT_EQ(keys.Find("p", JwtAlgorithm::kPs256).size(), 1U);
  EXPECT_EQ(keys.Find(std::nullopt, JwtAlgorithm::kEdDsa).size(), 1U);
}

TEST(Jwks, AllKeysWithTheSameKidAreKept) {
  const KeySet keys = Parse({P256().Jwk({{"kid", "k"}}), Rsa().Jwk({{"kid", "k"}}),
                             SigningKey::P256().Jwk({{"kid", "k"}}), P256().Jwk()});
  EXPECT_EQ(keys.Find("k", JwtAlgorithm::kEs256).size(), 2U);
  EXPECT_EQ(keys.Find("k", JwtAlgorithm::kRs256).size(), 1U);
  EXPECT_EQ(keys.Find(std::nullopt, JwtAlgorithm::kEs256).size(), 3U);
}

TEST(Jwks, NoMoreThanAFewKeysAreTriedForAToken) {
  const KeySet keys = Parse(std::vector<json>(kJwksKeysMax, P256().Jwk({{"kid", "k"}})));
  EXPECT_EQ(keys.Size(), kJwksKeysMax);
  EXPECT_EQ(keys.Find("k", JwtAlgorithm::kEs256).size(), kKeyCandidatesMax);
  EXPECT_EQ(keys.Find(std::nullopt, JwtAlgorithm::kEs256).size(), kKeyCandidatesMax);
}

TEST(Jwks, KeysThatCantVerifyTokensAreIgnoredOneByOne) {
  const json good = P256().Jwk();
  const auto without = [&](const char* name) {
    json jwk = good;
    jwk.erase(name);
    return jwk;
  };
  const std::vector<json> odd = {
      json(1),
      json::array(),
      json::object(),
      {{"kty", "oct"}, {"k", "c2VjcmV0"}, {"kid", "k"}, {"alg", "HS256"}},
      {{"kty", "XYZ"}},
      {{"kty", 1}},
      without("kty"),
      without("crv"),
      without("x"),
      without("y"),
      P256().Jwk({{"use", "enc"}}),
      P256().Jwk({{"use", 1}}),
      P256().Jwk({{"key_ops", {"sign", "encrypt"}}}),
      P256().Jwk({{"key_ops", "verify"}}),
      P256().Jwk({{"key_ops", json::array()}}),
      P256().Jwk({{"alg", "ES384"}}),
      P256().Jwk({{"alg", "RS256"}}),
      P256().Jwk({{"alg", "none"}}),
      P256().Jwk({{"alg", 1}}),
      P256().Jwk({{"crv", "P-384"}}),
      P256().Jwk({{"crv", "secp256k1"}}),
      P256().Jwk({{"crv", "Ed25519"}}),
      P256().Jwk({{"kty", "ec"}}),
      P256().Jwk({{"kty", "OKP"}}),
      P256().Jwk({{"x", good["y"]}}),
      P256().Jwk({{"x", good["x"].get<std::string>() + "="}}),
      P256().Jwk({{"x", 1}}),
      P256().Jwk({{"d", "AQAB"}}),
      P256().Jwk({{"kid", 1}}),
      P256().Jwk({{"kid", std::string(kKidBytesMax + 1, 'k')}}),
      Rsa().Jwk({{"use", "enc"}, {"alg", "RSA-OAEP"}}),
      Rsa().Jwk({{"alg", "RS512"}}),
      Rsa().Jwk({{"alg", "HS256"}}),
      Rsa().Jwk({{"e", "AQ"}}),
      Rsa().Jwk({{"n", "AQAB"}}),
      Rsa().Jwk({{"d", nullptr}}),
      Ed25519().Jwk({{"crv", "X25519"}}),
      Ed25519().Jwk({{"crv", "Ed448"}}),
      Ed25519().Jwk({{"x", std::string(43, 'A')}}),
      Ed25519().Jwk({{"alg", "ES256"}}),
  };
  for (const json& jwk : odd) {
    const auto keys = KeySet::Parse(SetOf({jwk, P256().Jwk({{"kid", "good"}})}));
    ASSERT_TRUE(keys.has_value()) << jwk;
    EXPECT_EQ(keys->Size(), 1U) << jwk;
    ASSERT_EQ(keys->Ignored().size(), 1U) << jwk;
    EXPECT_TRUE(keys->Ignored()[0].starts_with("key 1: ")) << keys->Ignored()[0];
    EXPECT_EQ(keys->Find("good", JwtAlgorithm::kEs256).size(), 1U) << jwk;
  }
  EXPECT_EQ(Parse(odd).Size(), 0U);
}

TEST(Jwks, TextThatIsNotASetIsRejectedAsAWhole) {
  for (const std::string& text :
       {std::string(), std::string("<html>"), std::string("[]"), std::string("{}"),
        std::string(R"({"keys":{}})"), std::string(R"({"keys":null})"), P256().Jwk().dump(),
        SetOf({P256().Jwk()}) + "x", std::string(R"({"keys":[],"keys":[]})"),
        std::string(R"({"keys":[{"kty":"EC","kty":"RSA"}]})"),
        SetOf(std::vector<json>(kJwksKeysMax + 1, json::object())),
        SetOf({std::string(kJwksBytesMax, 'x')})}) {
    const auto keys = KeySet::Parse(text);
    ASSERT_FALSE(keys.has_value()) << text.substr(0, 100);
    EXPECT_FALSE(keys.error().message.empty());
  }
}

TEST(Jwks, AnEmptySetHasNoKeys) { EXPECT_EQ(Parse({}).Size(), 0U); }

}  // namespace
}  // namespace ei::auth
