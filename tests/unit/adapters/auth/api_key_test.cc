#include "adapters/auth/api_key.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace ei::auth {
namespace {

// Made by GenerateApiKey() and hashed by HashApiKey(); Python's hmac gives the same digest.
constexpr std::string_view kKey = "ei_Bipqj6nGdIlh_S8UyYZi7SSUXwTCPKLnqSvEtyxYJSTRdNU4Aatq7VIf2rZSnG";
constexpr std::string_view kHash =
    "hmac-sha256$LRwaqD8AeRqNgQhsXgv/ZA==$McXBlBCHw+yQYeakALnqcB6ybIwggA62jZvOEeW4vNI=";

TEST(ApiKey, TheFormatIsFixed) {
  EXPECT_EQ(IdOfApiKey(kKey), kKey.substr(3, 12));
  const auto hash = ReadKeyHash(kHash);
  ASSERT_TRUE(hash.has_value());
  EXPECT_TRUE(Matches(*hash, kKey));
  EXPECT_EQ(ToText(*hash), kHash);
}

TEST(ApiKey, GeneratedKeysAreWellFormedAndDiffer) {
  std::set<std::string> ids;
  std::set<std::string> secrets;
  std::string characters;
  for (int i = 0; i < 1'000; ++i) {
    const std::string key = GenerateApiKey().value();
    ASSERT_EQ(key.size(), kApiKeyBytes);
    const auto id = IdOfApiKey(key);
    ASSERT_TRUE(id.has_value()) << i;
    EXPECT_TRUE(IsApiKeyId(*id));
    ids.emplace(*id);
    secrets.insert(key.substr(16, kApiKeySecretBytes));
    characters += key.substr(17, kApiKeySecretBytes - 1);
  }
  EXPECT_EQ(ids.size(), 1'000U);
  EXPECT_EQ(secrets.size(), 1'000U);
  EXPECT_EQ(std::set<char>(characters.begin(), characters.end()).size(), 62U) << "every character is used";
}

TEST(ApiKey, AnyChangedCharacterIsFound) {
  for (size_t i = 0; i < kKey.size(); ++i) {
    std::string slip(kKey);
    slip[i] = slip[i] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(IdOfApiKey(slip).has_value()) << i;
  }
}

TEST(ApiKey, OtherTextsAreNotKeys) {
  const std::string key(kKey);
  for (const std::string& text :
       {std::string(), std::string("ei_"), key.substr(0, key.size() - 1), key + "0", " " + key, key + "\n",
        std::string(key.size(), '_'), std::string(key.size(), '\0'), std::string(100'000, 'e'),
        "EI_" + key.substr(3), key.substr(0, 20) + "\xc3\xa4" + key.substr(22)}) {
    EXPECT_FALSE(IdOfApiKey(text).has_value()) << text.substr(0, 80);
  }
}

TEST(ApiKey, AnIdIsOfItsLengthAndCharacters) {
  EXPECT_TRUE(IsApiKeyId("4gVx0q2ZbT7m"));
  for (const char* text : {"", "4gVx0q2ZbT7", "4gVx0q2ZbT7mm", "4gVx0q2ZbT7_", "4gVx0q2ZbT7 "}) {
    EXPECT_FALSE(IsApiKeyId(text)) << text;
  }
}

TEST(ApiKey, OnlyTheKeyItselfMatchesItsHash) {
  const std::string key = GenerateApiKey().value();
  const std::string other = GenerateApiKey().value();
  const KeyHash hash = HashApiKey(key).value();
  EXPECT_TRUE(Matches(hash, key));
  EXPECT_FALSE(Matches(hash, other));
  EXPECT_FALSE(Matches(hash, ""));
  EXPECT_FALSE(Matches(KeyHash(), key));
}

TEST(ApiKey, TheSameKeyHasAnotherHashEachTime) {
  const KeyHash first = HashApiKey(kKey).value();
  const KeyHash second = HashApiKey(kKey).value();
  EXPECT_NE(first, second);
  EXPECT_TRUE(Matches(first, kKey));
  EXPECT_TRUE(Matches(second, kKey));
}

TEST(ApiKey, AHashIsReadBackAndDoesNotContainTheKey) {
  const std::string key = GenerateApiKey().value();
  const KeyHash hash = HashApiKey(key).value();
  const std::string text = ToText(hash);
  EXPECT_EQ(text.find(key.substr(16, 8)), std::string::npos);
  ASSERT_TRUE(ReadKeyHash(text).has_value());
  EXPECT_EQ(*ReadKeyHash(text), hash);
}

TEST(ApiKey, OtherTextsAreNotHashes) {
  const std::string hash(kHash);
  const size_t dollar = hash.rfind('$');
  for (const std::string& text :
       {std::string(), std::string("hmac-sha256$"), std::string("hmac-sha256$$"), "sha256$" + hash.substr(12),
        hash.substr(0, dollar), hash + "=", hash + "$", hash.substr(0, hash.size() - 4),
        "hmac-sha256$" + hash.substr(dollar + 1) + "$" + hash.substr(12, dollar - 12),
        std::string("hmac-sha256$") + std::string(100'000, 'A')}) {
    EXPECT_FALSE(ReadKeyHash(text).has_value()) << text.substr(0, 100);
  }
}

}  // namespace
}  // namespace ei::auth
