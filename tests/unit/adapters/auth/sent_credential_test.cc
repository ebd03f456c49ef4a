#include "adapters/auth/sent_credential.h"

#include <gtest/gtest.h>

#include <string>

#include "adapters/auth/api_key.h"
#include "base/base64.h"

namespace ei::auth {
namespace {

using Kind = SentCredential::Kind;

const std::string& Key() {
  static const std::string key = GenerateApiKey().value();
  return key;
}

std::string Basic(const std::string& text) { return "Basic " + base::EncodeBase64(text); }

TEST(SentCredential, BearerWithAKey) {
  for (const std::string scheme : {"Bearer ", "bearer ", "BEARER    "}) {
    const auto sent = ReadAuthorization(scheme + Key());
    ASSERT_TRUE(sent.has_value()) << scheme;
    EXPECT_EQ(*sent, (SentCredential{Kind::kKey, Key()}));
  }
}

TEST(SentCredential, BearerWithAToken) {
  const std::string token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln-_~+/==";
  const auto sent = ReadAuthorization("Bearer " + token);
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(*sent, (SentCredential{Kind::kToken, token}));
}

TEST(SentCredential, BasicWithTheClientsNameAndAKey) {
  const auto sent = ReadAuthorization(Basic("orders:" + Key()));
  ASSERT_TRUE(sent.has_value());
  EXPECT_EQ(*sent, (SentCredential{Kind::kKey, Key(), "orders"}));
  EXPECT_EQ(ReadAuthorization(Basic(":" + Key()))->client, "");
}

TEST(SentCredential, BasicWithTheLongestName) {
  const std::string name(kClientNameBytesMax, 'n');
  EXPECT_EQ(ReadAuthorization(Basic(name + ":" + Key()))->client, name);
  EXPECT_FALSE(ReadAuthorization(Basic(name + "nnn:" + Key())).has_value());
}

TEST(SentCredential, ApiKeyHeader) {
  EXPECT_EQ(*ReadApiKeyHeader(Key()), (SentCredential{Kind::kKey, Key()}));
  for (const std::string& value : {std::string(), "Bearer " + Key(), Key() + ", " + Key(), Key() + " ",
                                   std::string("password"), std::string(100'000, 'x')}) {
    EXPECT_EQ(ReadApiKeyHeader(value).error(), AuthFault::kMalformed) << value.substr(0, 100);
  }
}

TEST(SentCredential, WhatIsNotWellFormedIsRejected) {
  std::string slip = Key();
  slip.back() = slip.back() == '0' ? '1' : '0';
  for (const std::string& value : {
           std::string(),
           std::string("Bearer"),
           std::string("Bearer "),
           std::string("Bearer ="),
           Key(),
           "Bearer\t" + Key(),
           "Bearer " + Key() + ", Bearer " + Key(),  // a repeated header
           "Bearer " + slip,                         // a key with a slip
           "Bearer ei_" + std::string(500, 'a'),
           "Bearer \"" + Key() + "\"",
           std::string("Bearer a b"),
           std::string("Bearer a=b"),
           std::string("Bearer a\0b", 10),
           std::string("Bearer \xc3\xa4"),
           "Digest " + Key(),
           "Bearers " + Key(),
           " Bearer " + Key(),
           std::string("Basic"),
           std::string("Basic Zm9v"),  // no colon
           std::string("Basic Zm9"),   // not Base64
           "Basic orders:" + Key(),    // not encoded
           Basic("orders:password"),
           Basic("orders:" + slip),
           "Basic " + std::string(1'000'000, 'A'),
           std::string(1'000'000, ' '),
       }) {
    const auto sent = ReadAuthorization(value);
    ASSERT_FALSE(sent.has_value()) << value.substr(0, 100);
    EXPECT_EQ(sent.error(), AuthFault::kMalformed);
  }
}

}  // namespace
}  // namespace ei::auth
