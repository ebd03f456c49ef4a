#include "adapters/kafka/native/sasl.h"

#include <gtest/gtest.h>

namespace ei::kafka::native {
namespace {

using namespace std::string_view_literals;

// The example of RFC 7677, section 3.
constexpr auto kNonce = "rOprNGfwEbeRWgbNEkqO";
constexpr auto kChallenge =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr auto kSignature = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

std::unique_ptr<SaslExchange> Example(std::string password = "pencil") {
  return MakeScram(ScramHash::kSha256, "user", std::move(password), kNonce);
}

TEST(Scram, MatchesTheExampleOfTheRfc) {
  const auto scram = Example();
  EXPECT_EQ(scram->First(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  const auto proof = scram->Answer(kChallenge);
  ASSERT_TRUE(proof.has_value());
  EXPECT_EQ(*proof,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  const auto end = scram->Answer(kSignature);
  ASSERT_TRUE(end.has_value());
  EXPECT_FALSE(end->has_value());
}

TEST(Scram, ABrokerThatDoesNotKnowThePasswordIsRejected) {
  for (const auto* signature : {"v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "v=", "", "v=!", "x=1"}) {
    const auto scram = Example();
    scram->First();
    ASSERT_TRUE(scram->Answer(kChallenge).has_value());
    EXPECT_FALSE(scram->Answer(signature).has_value()) << signature;
  }
}

TEST(Scram, ARejectionIsReturned) {
  const auto scram = Example("wrong");
  scram->First();
  ASSERT_TRUE(scram->Answer(kChallenge).has_value());
  const auto end = scram->Answer("e=invalid-proof");
  ASSERT_FALSE(end.has_value());
  EXPECT_EQ(end.error().message, "the broker rejects the user name or the password");
}

TEST(Scram, InvalidChallengesAreRejected) {
  for (const auto* challenge : {
           "",
           "r=",
           "x",
           "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
           "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",  // the broker added nothing
           "r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096",
           "r=rOprNGfwEbeRWgbNEkqOx,s=!!,i=4096",
           "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1",           // too easy to guess
           "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=2000000000",  // would never end
           "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096x",
           "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==",
           "m=extension,r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
       }) {
    const auto scram = Example();
    scram->First();
    EXPECT_FALSE(scram->Answer(challenge).has_value()) << challenge;
  }
}

TEST(Scram, NamesWithSeparatorsAreEscaped) {
  EXPECT_EQ(MakeScram(ScramHash::kSha512, "a,b=c", "p", "n")->First(), "n,,n=a=2Cb=3Dc,r=n");
}

TEST(Plain, IsOneMessage) {
  const auto plain = MakePlain("user", "secret");
  EXPECT_EQ(plain->First(), "\0user\0secret"sv);
  EXPECT_FALSE(plain->Answer("").value().has_value());
}

TEST(OAuthBearer, ARejectionHasToBeAcknowledged) {
  const auto bearer = MakeOAuthBearer("token", {{"logicalCluster", "lkc-1"}});
  EXPECT_EQ(bearer->First(),
            "n,,\x01"
            "auth=Bearer token\x01"
            "logicalCluster=lkc-1\x01\x01");
  EXPECT_EQ(bearer->Answer(R"({"status":"invalid_token"})").value(), "\x01");
  EXPECT_FALSE(bearer->Answer("").value().has_value());
}

}  // namespace
}  // namespace ei::kafka::native
