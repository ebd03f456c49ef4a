#include "adapters/auth/jwt_verifier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <openssl/hmac.h>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "support/null_log.h"
#include "support/signing_key.h"
#include "support/virtual_clock.h"

namespace ei::auth {
namespace {

using nlohmann::json;
using support::Ed25519;
using support::P256;
using support::Rsa;
using support::SigningKey;
using namespace std::chrono_literals;

std::string HmacSha256(std::string_view key, std::string_view text) {
  std::string digest(32, '\0');
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  return digest;
}

constexpr const char* kIssuer = "https://login.example";
constexpr const char* kAudience = "event-ingestor";

class JwtVerifierTest : public testing::Test {
 protected:
  JwtVerifierTest() {
    Publish({Rsa().Jwk({{"kid", "r"}}), P256().Jwk({{"kid", "e"}, {"alg", "ES256"}}),
             Ed25519().Jwk({{"kid", "o"}})});
  }

  // From now on these are the keys of the issuer.
  void Publish(const std::vector<json>& keys) {
    published_ = json{{"keys", keys}}.dump();
    clock_.Advance(1h);
    source_.Poll();
  }

  int64_t Seconds(base::Duration from_now = 0s) const {
    return std::chrono::floor<std::chrono::seconds>(clock_.WallNow() + from_now).time_since_epoch().count();
  }
  // Claims that are valid for a minute, with these in addition or instead.
  json Claims(const json& changed = json::object()) const {
    json claims = {{"iss", kIssuer}, {"aud", kAudience}, {"sub", "orders"}, {"exp", Seconds(60s)}};
    claims.update(changed);
    return claims;
  }
  json Without(const char* name) const {
    json claims = Claims();
    claims.erase(name);
    return claims;
  }
  static json Header(const json& changed = json::object()) {
    json header = {{"alg", "ES256"}, {"kid", "e"}};
    header.update(changed);
    return header;
  }
  std::string Token(const json& claims) const { return P256().Token(Header(), claims); }

  AuthFault FaultOf(std::string_view token) const {
    const auto verified = verifier_.Verify(token, clock_.WallNow());
    return verified ? AuthFault::kNone : verified.error();
  }
  AuthFault FaultOfClaims(const json& claims) const { return FaultOf(Token(claims)); }
  AuthFault FaultOfHeader(const json& changed) const {
    return FaultOf(P256().Token(Header(changed), Claims()));
  }

  std::string published_;
  int fetches_ = 0;
  support::VirtualClock clock_;
  support::NullLog log_;
  JwksSource source_{{.file = "",
                      .url = "https://login.example/keys",
                      .fetch = [this](const std::string&) -> base::Result<std::string> {
                        ++fetches_;
                        return published_;
                      }},
                     clock_,
                     log_};
  JwtVerifier verifier_{
      {.issuers = {"https://old.example", kIssuer}, .audiences = {"other", kAudience}, .leeway = 10s},
      source_};
};

TEST_F(JwtVerifierTest, ATokenOfEachAlgorithmIsValid) {
  EXPECT_EQ(FaultOf(Rsa().Token({{"alg", "RS256"}, {"kid", "r"}}, Claims())), AuthFault::kNone);
  EXPECT_EQ(FaultOf(Rsa().Token({{"alg", "PS256"}, {"kid", "r"}}, Claims())), AuthFault::kNone);
  EXPECT_EQ(FaultOf(P256().Token({{"alg", "ES256"}, {"kid", "e"}}, Claims())), AuthFault::kNone);
  EXPECT_EQ(FaultOf(Ed25519().Token({{"alg", "EdDSA"}, {"kid", "o"}}, Claims())), AuthFault::kNone);
  EXPECT_EQ(FaultOf(Ed25519().Token({{"alg", "Ed25519"}, {"kid", "o"}}, Claims())), AuthFault::kNone);
}

TEST_F(JwtVerifierTest, ClaimsThatAreTextAreReturned) {
  const auto token = verifier_.Verify(Token(Claims({{"aud", {"a", kAudience}},
                                                    {"roles", {"x", "y"}},
                                                    {"number", 7},
                                                    {"true", true},
                                                    {"mixed", {"x", 1}},
                                                    {"none", json::array()},
                                                    {"nested", {{"sub", "admin"}}},
                                                    {"", "empty"}})),
                                      clock_.WallNow());
  ASSERT_TRUE(token.has_value());
  auto claims = token->claims;
  std::ranges::sort(claims);
  const decltype(claims) wanted = {{"", {"empty"}},
                                   {"aud", {"a", kAudience}},
                                   {"iss", {kIssuer}},
                                   {"roles", {"x", "y"}},
                                   {"sub", {"orders"}}};
  EXPECT_EQ(claims, wanted);
  EXPECT_EQ(token->expires_at, base::WallTime(std::chrono::seconds(Seconds(60s)) + 10s)) << "with the leeway";
}

TEST_F(JwtVerifierTest, NoSignatureIsNeverValid) {
  const std::string payload = base::EncodeBase64Url(Claims().dump());
  for (const char* none : {"none", "None", "NONE", "nOnE", "", " none", "none "}) {
    const std::string header = base::EncodeBase64Url(json{{"alg", none}, {"kid", "e"}}.dump());
    for (const char* signature : {"", "AA", "e30"}) {
      EXPECT_EQ(FaultOf(header + "." + payload + "." + signature), AuthFault::kInvalidToken) << none;
    }
    EXPECT_EQ(FaultOf(P256().Token({{"alg", none}, {"kid", "e"}}, Claims())), AuthFault::kInvalidToken)
        << none;
  }
  const std::string valid = Token(Claims());
  EXPECT_EQ(FaultOf(valid.substr(0, valid.rfind('.') + 1)), AuthFault::kInvalidToken);
}

TEST_F(JwtVerifierTest, ThePublicKeyIsNoHmacSecret) {
  const json jwk = Rsa().Jwk({{"kid", "r"}});
  for (const char* algorithm : {"HS256", "HS384", "HS512"}) {
    for (const std::string& secret :
         {jwk.dump(), jwk["n"].get<std::string>(), base::DecodeBase64Url(jwk["n"].get<std::string>()).value(),
          std::string()}) {
      const std::string text = base::EncodeBase64Url(json{{"alg", algorithm}, {"kid", "r"}}.dump()) + "." +
                               base::EncodeBase64Url(Claims().dump());
      EXPECT_EQ(FaultOf(text + "." + base::EncodeBase64Url(HmacSha256(secret, text))),
                AuthFault::kInvalidToken);
    }
  }
}

TEST_F(JwtVerifierTest, OtherAlgorithmsAreInvalidWhateverSignedTheToken) {
  for (const json& algorithm :
       {json("RS384"), json("RS512"), json("PS384"), json("ES384"), json("ES256K"), json("Ed448"),
        json("es256"), json("RSA1_5"), json("dir"), json(1), json(nullptr), json::array({"ES256"})}) {
    EXPECT_EQ(FaultOfHeader({{"alg", algorithm}}), AuthFault::kInvalidToken) << algorithm;
  }
  EXPECT_EQ(FaultOf(P256().Token({{"kid", "e"}}, Claims())), AuthFault::kInvalidToken) << "no alg";
}

TEST_F(JwtVerifierTest, TheAlgorithmHasToFitTheKey) {
  for (const char* algorithm : {"RS256", "PS256", "EdDSA"}) {
    EXPECT_EQ(FaultOfHeader({{"alg", algorithm}}), AuthFault::kUnknownIssuerKey) << algorithm;
  }
  EXPECT_EQ(FaultOf(Rsa().Token({{"alg", "ES256"}, {"kid", "r"}}, Claims())), AuthFault::kUnknownIssuerKey);
  Publish({Rsa().Jwk({{"kid", "r"}, {"alg", "PS256"}})});
  EXPECT_EQ(FaultOf(Rsa().Token({{"alg", "RS256"}, {"kid", "r"}}, Claims())), AuthFault::kUnknownIssuerKey)
      << "the issuer uses the key for another algorithm";
  EXPECT_EQ(FaultOf(Rsa().Token({{"alg", "PS256"}, {"kid", "r"}}, Claims())), AuthFault::kNone);
  EXPECT_EQ(FaultOf(Rsa().Token({{"alg", "PS256"}}, Claims())), AuthFault::kNone);
}

TEST_F(JwtVerifierTest, KeysInTheHeaderAreNotUsed) {
  const SigningKey attacker = SigningKey::P256();
  for (const json& header : {json{{"jwk", attacker.Jwk()}}, json{{"jku", "https://attacker.example/keys"}},
                             json{{"x5u", "https://attacker.example/cert"}}, json{{"x5c", {"AA=="}}},
                             json{{"kid", "../../dev/null"}}, json{{"kid", "e' OR '1'='1"}},
                             json{{"kid", "E"}}, json{{"kid", ""}}, json{{"kid", std::string("e\0", 2)}}}) {
    EXPECT_NE(FaultOf(attacker.Token(Header(header), Claims())), AuthFault::kNone) << header;
  }
  EXPECT_EQ(FaultOfHeader({{"jku", "https://attacker.example/keys"}}), AuthFault::kNone) << "ignored";
}

TEST_F(JwtVerifierTest, TheKidIsTextOfBoundedSize) {
  EXPECT_EQ(FaultOfHeader({{"kid", "f"}}), AuthFault::kUnknownIssuerKey);
  EXPECT_EQ(FaultOfHeader({{"kid", std::string(kKidBytesMax, 'k')}}), AuthFault::kUnknownIssuerKey);
  EXPECT_EQ(FaultOfHeader({{"kid", std::string(kKidBytesMax + 1, 'k')}}), AuthFault::kInvalidToken);
  for (const json& kid : {json(1), json(nullptr), json::array({"e"}), json::object()}) {
    EXPECT_EQ(FaultOfHeader({{"kid", kid}}), AuthFault::kInvalidToken) << kid;
  }
}

TEST_F(JwtVerifierTest, WithoutAKidTheKeysOfTheAlgorithmAreTried) {
  std::vector<json> keys(kKeyCandidatesMax - 1, SigningKey::P256().Jwk());
  keys.push_back(P256().Jwk());
  Publish(keys);
  EXPECT_EQ(FaultOf(P256().Token({{"alg", "ES256"}}, Claims())), AuthFault::kNone);
  keys.insert(keys.begin(), SigningKey::P256().Jwk({{"kid", "another"}}));
  Publish(keys);
  EXPECT_EQ(FaultOf(P256().Token({{"alg", "ES256"}}, Claims())), AuthFault::kInvalidToken)
      << "too many to try";
  EXPECT_EQ(FaultOf(Ed25519().Token({{"alg", "EdDSA"}}, Claims())), AuthFault::kUnknownIssuerKey);
}

TEST_F(JwtVerifierTest, KeysWithTheSameKidAreAllTried) {
  Publish({SigningKey::P256().Jwk({{"kid", "e"}}), P256().Jwk({{"kid", "e"}})});
  EXPECT_EQ(FaultOfClaims(Claims()), AuthFault::kNone);
}

TEST_F(JwtVerifierTest, OnlyTypesOfAccessTokensAreValid) {
  for (const char* type : {"JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"}) {
    EXPECT_EQ(FaultOfHeader({{"typ", type}}), AuthFault::kNone) << type;
  }
  for (const json& type : {json("logout+jwt"), json("dpop+jwt"), json("JOSE"), json(""), json("text/jwt"),
                           json(1), json(nullptr)}) {
    EXPECT_EQ(FaultOfHeader({{"typ", type}}), AuthFault::kInvalidToken) << type;
  }
}

TEST_F(JwtVerifierTest, CriticalExtensionsAreRefused) {
  for (const json& critical :
       {json::array({"exp"}), json::array({"b64"}), json::array(), json("b64"), json(nullptr)}) {
    EXPECT_EQ(FaultOfHeader({{"crit", critical}, {"b64", false}, {"exp", 1}}), AuthFault::kInvalidToken);
  }
}

TEST_F(JwtVerifierTest, OnlyTheCompactFormOfASignedTokenIsRead) {
  const std::string valid = Token(Claims());
  ASSERT_EQ(FaultOf(valid), AuthFault::kNone);
  const size_t first = valid.find('.');
  const size_t second = valid.rfind('.');
  const json general = {{"payload", valid.substr(first + 1, second - first - 1)},
                        {"protected", valid.substr(0, first)},
                        {"signature", valid.substr(second + 1)}};
  for (const std::string& text : {std::string(),
                                  std::string("."),
                                  std::string(".."),
                                  std::string("..."),
                                  std::string("a.b.c"),
                                  general.dump(),
                                  valid + ".",
                                  valid + ".e30",
                                  "." + valid,
                                  valid + "." + valid,
                                  valid + "=",
                                  valid + "==",
                                  valid + "\n",
                                  " " + valid,
                                  valid + std::string(1, '\0'),
                                  valid.substr(0, second),
                                  valid.substr(first),
                                  valid.substr(0, first) + ".." + valid.substr(second + 1),
                                  valid.substr(0, first) + "=" + valid.substr(first),
                                  std::string(valid).replace(first, 1, ".."),
                                  std::string(valid).replace(second, 1, "+")}) {
    EXPECT_EQ(FaultOf(text), AuthFault::kInvalidToken) << text;
  }
}

TEST_F(JwtVerifierTest, EveryTruncationIsInvalid) {
  const std::string valid = Token(Claims());
  for (size_t size = 0; size < valid.size(); ++size) {
    EXPECT_NE(FaultOf(std::string_view(valid).substr(0, size)), AuthFault::kNone) << size;
  }
}

TEST_F(JwtVerifierTest, AnyOtherByteInATokenMakesItInvalid) {
  const std::string valid = Token(Claims());
  for (size_t i = 0; i < valid.size(); ++i) {
    for (const char c : {'A', '-', '+', '=', '.', '\xff'}) {
      std::string changed = valid;
      changed[i] = c;
      if (changed == valid) continue;
      EXPECT_NE(FaultOf(changed), AuthFault::kNone) << i << ' ' << c;
    }
  }
}

TEST_F(JwtVerifierTest, UnusedBitsOfBase64UrlHaveToBeZero) {
  // The last of the 86 characters of 64 bytes has 4 unused bits.
  std::string token = Token(Claims());
  ASSERT_TRUE(std::string_view("AQgw").contains(token.back()));
  ++token.back();
  EXPECT_EQ(FaultOf(token), AuthFault::kInvalidToken);
}

TEST_F(JwtVerifierTest, DuplicateMembersAreInvalidEvenIfSigned) {
  const std::string claims = Claims().dump();
  EXPECT_EQ(FaultOf(P256().TokenOf(R"({"alg":"ES256","alg":"ES256","kid":"e"})", claims)),
            AuthFault::kInvalidToken);
  EXPECT_EQ(FaultOf(P256().TokenOf(R"({"alg":"none","alg":"ES256","kid":"e"})", claims)),
            AuthFault::kInvalidToken);
  const std::string twice = claims.substr(0, claims.size() - 1);
  EXPECT_EQ(FaultOf(P256().TokenOf(Header().dump(), twice + R"(,"sub":"admin"})")), AuthFault::kInvalidToken);
  EXPECT_EQ(FaultOf(P256().TokenOf(Header().dump(), twice + R"(,"\u0073ub":"admin"})")),
            AuthFault::kInvalidToken);
}

TEST_F(JwtVerifierTest, APayloadThatIsNotOneObjectIsInvalidEvenIfSigned) {
  const std::string claims = Claims().dump();
  for (const std::string& payload : {std::string(), std::string("{}"), std::string("[]"), "[" + claims + "]",
                                     claims + "x", claims + std::string(1, '\0') + "x", claims + claims,
                                     claims.substr(0, claims.size() - 1), Token(Claims())}) {
    EXPECT_EQ(FaultOf(P256().TokenOf(Header().dump(), payload)), AuthFault::kInvalidToken) << payload;
  }
}

TEST_F(JwtVerifierTest, SizesAreBounded) {
  const auto padded = [this](size_t bytes) { return Token(Claims({{"padding", std::string(bytes, 'x')}})); };
  size_t bytes = kTokenBytesMax / 2;
  while (padded(bytes + 1).size() <= kTokenBytesMax) ++bytes;
  EXPECT_EQ(FaultOf(padded(bytes)), AuthFault::kNone);
  EXPECT_EQ(FaultOf(padded(bytes + 1)), AuthFault::kInvalidToken);
  EXPECT_EQ(FaultOf(std::string(10'000'000, 'a')), AuthFault::kInvalidToken);
  EXPECT_EQ(FaultOf(std::string(10'000'000, '.')), AuthFault::kInvalidToken);

  json claims = Claims();
  while (claims.size() < kTokenClaimsMax) claims[std::to_string(claims.size())] = "";
  EXPECT_EQ(FaultOfClaims(claims), AuthFault::kNone);
  claims["one more"] = "";
  EXPECT_EQ(FaultOfClaims(claims), AuthFault::kInvalidToken);

  EXPECT_EQ(FaultOfClaims(Claims({{"list", std::vector<std::string>(kTokenClaimValuesMax - 3)}})),
            AuthFault::kNone);
  EXPECT_EQ(FaultOfClaims(Claims({{"list", std::vector<std::string>(kTokenClaimValuesMax - 2)}})),
            AuthFault::kInvalidToken);

  json nested = json::object();
  for (int depth = 0; depth < 16; ++depth) nested = json{{"a", nested}};
  EXPECT_EQ(FaultOfClaims(Claims({{"nested", nested}})), AuthFault::kInvalidToken);
}

TEST_F(JwtVerifierTest, TheIssuerHasToBeOneOfOurs) {
  EXPECT_EQ(FaultOfClaims(Claims({{"iss", "https://old.example"}})), AuthFault::kNone);
  for (const json& issuer :
       {json("https://login.example/"), json("https://LOGIN.example"), json("http://login.example"), json(""),
        json(1), json(nullptr), json::array({kIssuer})}) {
    EXPECT_EQ(FaultOfClaims(Claims({{"iss", issuer}})), AuthFault::kInvalidToken) << issuer;
  }
  EXPECT_EQ(FaultOfClaims(Without("iss")), AuthFault::kInvalidToken);
}

TEST_F(JwtVerifierTest, TheAudienceHasToHaveOneOfOurs) {
  EXPECT_EQ(FaultOfClaims(Claims({{"aud", {"account", "other"}}})), AuthFault::kNone);
  for (const json& audience :
       {json("event-ingestor2"), json("Event-Ingestor"), json(""), json("event-ingestor account"),
        json::array(), json::array({"account"}), json::array({kAudience, 1}), json{{kAudience, kAudience}},
        json(1), json(nullptr)}) {
    EXPECT_EQ(FaultOfClaims(Claims({{"aud", audience}})), AuthFault::kInvalidToken) << audience;
  }
  EXPECT_EQ(FaultOfClaims(Without("aud")), AuthFault::kInvalidToken);
}

TEST_F(JwtVerifierTest, TheExpiryCountsToTheNanosecondWithTheLeeway) {
  const std::string token = Token(Claims());
  const base::WallTime end = base::WallTime(std::chrono::seconds(Seconds(60s))) + 10s;
  EXPECT_TRUE(verifier_.Verify(token, end - 1ns).has_value());
  EXPECT_EQ(verifier_.Verify(token, end).error(), AuthFault::kExpiredToken);
  const auto half =
      verifier_.Verify(Token(Claims({{"exp", static_cast<double>(Seconds()) + 0.5}})), clock_.WallNow());
  ASSERT_TRUE(half.has_value());
  EXPECT_EQ(half->expires_at, base::WallTime(std::chrono::seconds(Seconds())) + 10s + 500ms);
}

TEST_F(JwtVerifierTest, AnExpiryIsRequiredAndANumber) {
  EXPECT_EQ(FaultOfClaims(Without("exp")), AuthFault::kInvalidToken);
  for (const json& expiry :
       {json(std::to_string(Seconds(60s))), json(nullptr), json(true), json::array({Seconds(60s)})}) {
    EXPECT_EQ(FaultOfClaims(Claims({{"exp", expiry}})), AuthFault::kInvalidToken) << expiry;
  }
  for (const json& expiry : {json(0), json(-1), json(INT64_MIN), json(-1e300), json(1)}) {
    EXPECT_EQ(FaultOfClaims(Claims({{"exp", expiry}})), AuthFault::kExpiredToken) << expiry;
  }
  // The year 9999, milliseconds instead of seconds, and more than any type has.
  for (const json& expiry : {json(253402300799), json(Seconds() * 1000), json(UINT64_MAX), json(1e300)}) {
    const auto verified = verifier_.Verify(Token(Claims({{"exp", expiry}})), clock_.WallNow());
    ASSERT_TRUE(verified.has_value()) << expiry;
    EXPECT_GT(verified->expires_at, clock_.WallNow() + std::chrono::years(200));
  }
}

TEST_F(JwtVerifierTest, ATokenIsNotValidBeforeItsTimesButForTheLeeway) {
  for (const char* name : {"nbf", "iat"}) {
    const std::string token = Token(Claims({{name, Seconds(30s)}}));
    const base::WallTime start = base::WallTime(std::chrono::seconds(Seconds(30s))) - 10s;
    EXPECT_TRUE(verifier_.Verify(token, start).has_value()) << name;
    EXPECT_EQ(verifier_.Verify(token, start - 1ns).error(), AuthFault::kExpiredToken) << name;
    for (const json& value : {json("0"), json(nullptr), json::array()}) {
      EXPECT_EQ(FaultOfClaims(Claims({{name, value}})), AuthFault::kInvalidToken) << name;
    }
    EXPECT_EQ(FaultOfClaims(Claims({{name, -1e300}})), AuthFault::kNone) << name;
    EXPECT_EQ(FaultOfClaims(Claims({{name, 1e300}})), AuthFault::kExpiredToken) << name;
  }
}

TEST_F(JwtVerifierTest, AJumpOfTheClockIsFollowedInBothDirections) {
  const std::string token = Token(Claims({{"nbf", Seconds()}}));
  const base::WallTime now = clock_.WallNow();
  EXPECT_EQ(verifier_.Verify(token, now + 24h).error(), AuthFault::kExpiredToken);
  EXPECT_TRUE(verifier_.Verify(token, now).has_value());
  EXPECT_EQ(verifier_.Verify(token, now - 24h).error(), AuthFault::kExpiredToken);
  EXPECT_EQ(verifier_.Verify(token, base::WallTime(0s)).error(), AuthFault::kExpiredToken);
  EXPECT_EQ(verifier_.Verify(token, base::WallTime::max()).error(), AuthFault::kExpiredToken);
  EXPECT_EQ(verifier_.Verify(token, base::WallTime::min()).error(), AuthFault::kExpiredToken);
  EXPECT_TRUE(verifier_.Verify(token, now).has_value());
}

TEST_F(JwtVerifierTest, ATokenThatIsBoundToAKeyOfItsSenderIsRefused) {
  EXPECT_EQ(FaultOfClaims(Claims({{"cnf", {{"jkt", "abc"}}}})), AuthFault::kInvalidToken);
}

TEST_F(JwtVerifierTest, ATokenOfARevokedKeyIsInvalidOnceTheKeysAreReadAgain) {
  const uint64_t version = verifier_.Version();
  const std::string token = Token(Claims({{"exp", Seconds(24h)}}));
  Publish({SigningKey::P256().Jwk({{"kid", "new"}})});
  EXPECT_GT(verifier_.Version(), version);
  EXPECT_EQ(FaultOf(token), AuthFault::kUnknownIssuerKey);
  Publish({SigningKey::P256().Jwk({{"kid", "e"}})});
  EXPECT_EQ(FaultOf(token), AuthFault::kInvalidToken) << "another key under the same kid";
}

TEST_F(JwtVerifierTest, TokensStayValidWhileOtherKeysAreRotated) {
  const std::string token = Token(Claims({{"exp", Seconds(24h * 365)}}));
  const json old = SigningKey::P256().Jwk({{"kid", "old"}});
  std::atomic<bool> over = false;
  std::atomic<int> refused = 0;
  std::vector<std::thread> loops;
  for (int i = 0; i < 2; ++i) {
    loops.emplace_back([&] {
      while (!over) refused += FaultOf(token) != AuthFault::kNone;
    });
  }
  for (int i = 0; i < 100; ++i) {
    Publish({P256().Jwk({{"kid", "e"}}), old, Ed25519().Jwk({{"kid", std::to_string(i)}})});
  }
  over = true;
  for (std::thread& loop : loops) loop.join();
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(source_.Refreshes(), 101U);
}

TEST_F(JwtVerifierTest, OnlyATokenWithoutAKnownKeyLeadsToAFetch) {
  const int before = fetches_;
  std::string forged = Token(Claims());
  forged.replace(forged.size() - 4, 4, "AAAA");
  EXPECT_EQ(FaultOf(forged), AuthFault::kInvalidToken);
  EXPECT_EQ(FaultOf("a.b.c"), AuthFault::kInvalidToken);
  source_.Poll();
  EXPECT_EQ(fetches_, before);
  const SigningKey next = SigningKey::P256();
  published_ = json{{"keys", {next.Jwk()}}}.dump();
  EXPECT_EQ(FaultOf(next.Token({{"alg", "ES256"}}, Claims())), AuthFault::kInvalidToken);
  source_.Poll();
  EXPECT_EQ(fetches_, before + 1) << "without a kid it could be a new key";
  EXPECT_EQ(FaultOf(next.Token({{"alg", "ES256"}}, Claims())), AuthFault::kNone);
  EXPECT_EQ(FaultOfHeader({{"kid", "f"}}), AuthFault::kUnknownIssuerKey);
  clock_.Advance(JwksSource::kUnknownKeyPause);
  source_.Poll();
  EXPECT_EQ(fetches_, before + 2);
}

}  // namespace
}  // namespace ei::auth
