#include "adapters/auth/clients_authenticator.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "adapters/auth/api_key.h"
#include "base/base64.h"

namespace ei::auth {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const base::WallTime kNow{hours(490'000)};

// Knows tokens by their text.
class FakeVerifier final : public TokenVerifier {
 public:
  std::expected<VerifiedToken, AuthFault> Verify(std::string_view token, base::WallTime now) const override {
    ++verified_;
    const auto found = tokens_.find(token);
    if (found == tokens_.end()) return std::unexpected(AuthFault::kInvalidToken);
    if (now >= found->second.expires_at) return std::unexpected(AuthFault::kExpiredToken);
    return found->second;
  }
  uint64_t Version() const override { return version_; }

  std::map<std::string, VerifiedToken, std::less<>> tokens_;
  uint64_t version_ = 1;
  mutable int verified_ = 0;
};

class ClientsAuthenticatorTest : public ::testing::Test {
 protected:
  ClientsAuthenticatorTest() { Replace({WithKey("orders", key_), WithKey("other", other_key_)}); }

  static ClientEntry WithKey(std::string name, std::string_view key,
                             base::WallTime expires_at = base::WallTime::max()) {
    ClientEntry entry{.client = {.name = std::move(name)}};
    entry.keys.push_back({std::string(*IdOfApiKey(key)), HashApiKey(key).value(), expires_at});
    return entry;
  }
  void Replace(std::vector<ClientEntry> entries) {
    clients_.Replace(std::make_shared<const ClientDirectory>(std::move(entries)));
  }

  ClientsAuthenticator::Options All() {
    return {.keys = true, .certificates = true, .tokens = &verifier_, .clients = &clients_};
  }
  ClientsAuthenticator::Options KeysOnly() { return {.keys = true, .clients = &clients_}; }
  ClientsAuthenticator::Options TokensWithoutFile() { return {.tokens = &verifier_}; }

  // The name of the client, or the number of the fault.
  static std::string Show(const Authentication& result) {
    EXPECT_EQ(result.client != nullptr, result.fault == AuthFault::kNone);
    return result.client ? result.client->name : "fault " + std::to_string(static_cast<int>(result.fault));
  }
  static std::string Show(AuthFault fault) { return Show({.client = nullptr, .fault = fault}); }

  const std::string key_ = GenerateApiKey().value();
  const std::string other_key_ = GenerateApiKey().value();
  CurrentClients clients_{std::make_shared<const ClientDirectory>()};
  FakeVerifier verifier_;
};

TEST_F(ClientsAuthenticatorTest, WithoutCredentialsThereIsNoClient) {
  ClientsAuthenticator auth(All());
  EXPECT_EQ(Show(auth.Authenticate({}, kNow)), Show(AuthFault::kNoCredentials));
}

TEST_F(ClientsAuthenticatorTest, AKeyIsAcceptedInEachForm) {
  ClientsAuthenticator auth(KeysOnly());
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(Show(auth.Authenticate({.authorization = "Bearer " + key_}, kNow)), "orders");
    EXPECT_EQ(Show(auth.Authenticate({.api_key = key_}, kNow)), "orders");
    const std::string basic = "Basic " + base::EncodeBase64("orders:" + key_);
    EXPECT_EQ(Show(auth.Authenticate({.authorization = basic}, kNow)), "orders");
  }
}

TEST_F(ClientsAuthenticatorTest, AnUnknownKeyAndAWrongSecretHaveTheSameFault) {
  ClientsAuthenticator auth(KeysOnly());
  const std::string unknown = GenerateApiKey().value();
  Replace({WithKey("orders", key_)});
  EXPECT_EQ(Show(auth.Authenticate({.api_key = unknown}, kNow)), Show(AuthFault::kUnknownKey));
  // The id of this key is in the file, with the hash of another one.
  ClientEntry entry = WithKey("orders", key_);
  entry.keys[0].hash = HashApiKey(other_key_).value();
  Replace({entry});
  EXPECT_EQ(Show(auth.Authenticate({.api_key = key_}, kNow)), Show(AuthFault::kUnknownKey));
}

TEST_F(ClientsAuthenticatorTest, BasicWithTheNameOfAnotherClientIsRejected) {
  ClientsAuthenticator auth(KeysOnly());
  for (const char* name : {"other", "", "Orders", "orders "}) {
    const std::string basic = "Basic " + base::EncodeBase64(std::string(name) + ":" + key_);
    EXPECT_EQ(Show(auth.Authenticate({.authorization = basic}, kNow)), Show(AuthFault::kUnknownKey)) << name;
  }
}

TEST_F(ClientsAuthenticatorTest, AKeyIsValidBeforeItsExpiry) {
  ClientsAuthenticator auth(KeysOnly());
  Replace({WithKey("orders", key_, kNow + seconds(10))});
  const auto result = auth.Authenticate({.api_key = key_}, kNow);
  EXPECT_EQ(Show(result), "orders");
  EXPECT_EQ(result.valid_until, kNow + seconds(10));
  EXPECT_EQ(Show(auth.Authenticate({.api_key = key_}, kNow + seconds(9))), "orders");
  EXPECT_EQ(Show(auth.Authenticate({.api_key = key_}, kNow + seconds(10))), Show(AuthFault::kExpiredKey));
  EXPECT_EQ(Show(auth.Authenticate({.api_key = key_}, kNow + hours(1'000'000))),
            Show(AuthFault::kExpiredKey));
  EXPECT_EQ(Show(auth.Authenticate({.api_key = key_}, kNow)), "orders") << "the clock was set back";
}

TEST_F(ClientsAuthenticatorTest, OnlyTheHolderOfAKeyLearnsThatItHasExpired) {
  ClientsAuthenticator auth(KeysOnly());
  ClientEntry entry = WithKey("orders", key_, kNow);
  entry.keys[0].hash = HashApiKey(other_key_).value();
  Replace({entry});
  EXPECT_EQ(Show(auth.Authenticate({.api_key = key_}, kNow)), Show(AuthFault::kUnknownKey));
}

TEST_F(ClientsAuthenticatorTest, SeveralKeysOfAClientAreValidAtOnce) {
  ClientsAuthenticator auth(KeysOnly());
  ClientEntry entry = WithKey("orders", key_, kNow + seconds(10));
  entry.keys.push_back(WithKey("", other_key_).keys[0]);
  Replace({entry});
  EXPECT_EQ(Show(auth.Authenticate({.api_key = key_}, kNow)), "orders");
  EXPECT_EQ(Show(auth.Authenticate({.api_key = other_key_}, kNow + seconds(11))), "orders");
}

TEST_F(ClientsAuthenticatorTest, ARevokedKeyIsForgottenAtOnce) {
  ClientsAuthenticator auth(KeysOnly());
  const uint64_t version = auth.Version();
  EXPECT_EQ(Show(auth.Authenticate({.api_key = key_}, kNow)), "orders");
  Replace({WithKey("other", other_key_)});
  EXPECT_NE(auth.Version(), version);
  EXPECT_EQ(Show(auth.Authenticate({.api_key = key_}, kNow)), Show(AuthFault::kUnknownKey));
  EXPECT_EQ(Show(auth.Authenticate({.api_key = other_key_}, kNow)), "other");
}

TEST_F(ClientsAuthenticatorTest, ARememberedClientHasItsNewRights) {
  ClientsAuthenticator auth(KeysOnly());
  EXPECT_FALSE(auth.Authenticate({.api_key = key_}, kNow).client->rights.admin);
  ClientEntry entry = WithKey("orders", key_);
  entry.client.rights.admin = true;
  Replace({entry});
  EXPECT_TRUE(auth.Authenticate({.api_key = key_}, kNow).client->rights.admin);
}

TEST_F(ClientsAuthenticatorTest, TwoDifferentCredentialsAreAmbiguous) {
  ClientsAuthenticator auth(All());
  verifier_.tokens_["token"] = {{{"sub", {"a"}}}, kNow + hours(1)};
  for (const std::string& authorization : {"Bearer " + other_key_, std::string("Bearer token")}) {
    EXPECT_EQ(Show(auth.Authenticate({.authorization = authorization, .api_key = key_}, kNow)),
              Show(AuthFault::kAmbiguous));
  }
  EXPECT_EQ(Show(auth.Authenticate({.authorization = "Bearer " + key_, .api_key = key_}, kNow)), "orders")
      << "the same key twice";
  EXPECT_EQ(Show(auth.Authenticate({.authorization = "Bearer " + key_, .api_key = "x"}, kNow)),
            Show(AuthFault::kAmbiguous))
      << "not remembered from the request before";
}

TEST_F(ClientsAuthenticatorTest, AConnectionDoesNotOutliveItsCertificate) {
  Replace({ClientEntry{.client = {.name = "a"}, .certificates = {"dns:a"}}});
  ClientsAuthenticator auth(All());
  const PeerCertificate certificate{.dns = {"a"}, .expires_at = kNow + std::chrono::hours(1)};
  const Authentication first = auth.Authenticate({.certificate = &certificate}, kNow);
  EXPECT_EQ(Show(first), "a");
  EXPECT_EQ(first.valid_until, certificate.expires_at);
  EXPECT_EQ(Show(auth.Authenticate({.certificate = &certificate}, certificate.expires_at)),
            Show(AuthFault::kExpiredCertificate));
  const PeerCertificate renewed{.dns = {"a"}, .expires_at = kNow + std::chrono::hours(9)};
  EXPECT_EQ(Show(auth.Authenticate({.certificate = &renewed}, certificate.expires_at)), "a");
  EXPECT_EQ(Show(auth.Authenticate({.certificate = &certificate}, certificate.expires_at)),
            Show(AuthFault::kExpiredCertificate))
      << "though a certificate with the same names is remembered";
}

TEST_F(ClientsAuthenticatorTest, ACertificateLeadsToItsClient) {
  ClientEntry entry{.client = {.name = "by-certificate"}, .certificates = {"uri:spiffe://example.org/a"}};
  Replace({entry, WithKey("orders", key_)});
  ClientsAuthenticator auth(All());
  const PeerCertificate known{.subject = "CN=a", .uris = {"spiffe://example.org/a"}};
  const PeerCertificate unknown{.subject = "CN=a", .dns = {"spiffe://example.org/a"}};
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(Show(auth.Authenticate({.certificate = &known}, kNow)), "by-certificate");
    EXPECT_EQ(Show(auth.Authenticate({.certificate = &unknown}, kNow)), Show(AuthFault::kUnknownClient));
  }
  ClientsAuthenticator keys_only(KeysOnly());
  EXPECT_EQ(Show(keys_only.Authenticate({.certificate = &known}, kNow)), Show(AuthFault::kNoCredentials));
}

TEST_F(ClientsAuthenticatorTest, AKeyTakesPrecedenceOverTheCertificate) {
  ClientEntry entry{.client = {.name = "by-certificate"}, .certificates = {"dns:a"}};
  Replace({entry, WithKey("orders", key_)});
  ClientsAuthenticator auth(All());
  const PeerCertificate certificate{.dns = {"a"}};
  EXPECT_EQ(Show(auth.Authenticate({.api_key = key_, .certificate = &certificate}, kNow)), "orders");
  EXPECT_EQ(Show(auth.Authenticate({.api_key = other_key_, .certificate = &certificate}, kNow)),
            Show(AuthFault::kUnknownKey));
}

TEST_F(ClientsAuthenticatorTest, HeadersOfKindsThatAreNotAcceptedAreIgnored) {
  ClientEntry entry{.client = {.name = "by-certificate"}, .certificates = {"dns:a"}};
  Replace({entry, WithKey("orders", key_)});
  const PeerCertificate certificate{.dns = {"a"}};
  ClientsAuthenticator certificates({.certificates = true, .clients = &clients_});
  const Credentials all{.authorization = "Bearer x", .api_key = key_, .certificate = &certificate};
  EXPECT_EQ(Show(certificates.Authenticate(all, kNow)), "by-certificate");
  ClientsAuthenticator tokens(TokensWithoutFile());
  EXPECT_EQ(Show(tokens.Authenticate({.api_key = key_}, kNow)), Show(AuthFault::kNoCredentials));
  EXPECT_EQ(Show(tokens.Authenticate({.authorization = "Bearer " + key_}, kNow)),
            Show(AuthFault::kMalformed));
  ClientsAuthenticator keys(KeysOnly());
  EXPECT_EQ(Show(keys.Authenticate({.authorization = "Bearer a.b.c"}, kNow)), Show(AuthFault::kMalformed));
}

TEST_F(ClientsAuthenticatorTest, ATokenLeadsToTheClientWithItsClaims) {
  ClientEntry entry{.client = {.name = "by-claims"}, .claims = {{{"sub", "a"}, {"iss", "i"}}}};
  Replace({entry});
  verifier_.tokens_["good"] = {{{"iss", {"i"}}, {"sub", {"a"}}}, kNow + seconds(10)};
  verifier_.tokens_["unmatched"] = {{{"iss", {"i"}}, {"sub", {"b"}}}, kNow + seconds(10)};
  ClientsAuthenticator auth(All());
  const auto result = auth.Authenticate({.authorization = "Bearer good"}, kNow);
  EXPECT_EQ(Show(result), "by-claims");
  EXPECT_EQ(result.valid_until, kNow + seconds(10));
  EXPECT_EQ(Show(auth.Authenticate({.authorization = "Bearer unmatched"}, kNow)),
            Show(AuthFault::kUnknownClient));
  EXPECT_EQ(Show(auth.Authenticate({.authorization = "Bearer forged"}, kNow)),
            Show(AuthFault::kInvalidToken));
}

TEST_F(ClientsAuthenticatorTest, AValidTokenIsVerifiedOnceUntilItExpiresOrTheKeysChange) {
  verifier_.tokens_["token"] = {{{"sub", {"a"}}}, kNow + seconds(10)};
  ClientsAuthenticator auth(TokensWithoutFile());
  const Credentials credentials{.authorization = "Bearer token"};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Show(auth.Authenticate(credentials, kNow)), "a");
  EXPECT_EQ(verifier_.verified_, 1);
  ++verifier_.version_;
  EXPECT_EQ(Show(auth.Authenticate(credentials, kNow)), "a");
  EXPECT_EQ(verifier_.verified_, 2);
  EXPECT_EQ(Show(auth.Authenticate(credentials, kNow + seconds(10))), Show(AuthFault::kExpiredToken));
  EXPECT_EQ(verifier_.verified_, 3);
}

TEST_F(ClientsAuthenticatorTest, FaultsAreNotRemembered) {
  ClientsAuthenticator auth(TokensWithoutFile());
  const Credentials credentials{.authorization = "Bearer token"};
  const auto result = auth.Authenticate(credentials, kNow);
  EXPECT_EQ(Show(result), Show(AuthFault::kInvalidToken));
  EXPECT_EQ(result.valid_until, kNow);
  verifier_.tokens_["token"] = {{{"sub", {"a"}}}, kNow + seconds(10)};
  EXPECT_EQ(Show(auth.Authenticate(credentials, kNow)), "a");
}

TEST_F(ClientsAuthenticatorTest, WithoutAClientsFileAClaimNamesTheClient) {
  auto options = TokensWithoutFile();
  options.token_client_claim = "azp";
  ClientsAuthenticator auth(options);
  const auto client_of = [&](TokenClaims claims) {
    verifier_.tokens_["token"] = {std::move(claims), kNow + seconds(10)};
    ++verifier_.version_;
    return Show(auth.Authenticate({.authorization = "Bearer token"}, kNow));
  };
  EXPECT_EQ(client_of({{"sub", {"s"}}, {"azp", {"app-1"}}}), "app-1");
  const std::string unknown = Show(AuthFault::kUnknownClient);
  EXPECT_EQ(client_of({{"sub", {"s"}}}), unknown);
  EXPECT_EQ(client_of({{"azp", {}}}), unknown);
  EXPECT_EQ(client_of({{"azp", {"a", "b"}}}), unknown);
  EXPECT_EQ(client_of({{"azp", {""}}}), unknown);
  EXPECT_EQ(client_of({{"azp", {"auth0|7"}}}), unknown) << "not the name of a client";
  EXPECT_EQ(client_of({{"azp", {std::string(65, 'a')}}}), unknown);
}

TEST_F(ClientsAuthenticatorTest, AClientThatAClaimNamesIsCounted) {
  ClientAccounts accounts(10);
  auto options = TokensWithoutFile();
  options.accounts = &accounts;
  ClientsAuthenticator auth(options);
  for (const std::string name : {"a", "b", "a"}) {
    verifier_.tokens_["token"] = {{{"sub", {name}}}, kNow + seconds(10)};
    ++verifier_.version_;
    const auto client = auth.Authenticate({.authorization = "Bearer token"}, kNow).client;
    ASSERT_NE(client, nullptr);
    EXPECT_EQ(client->account.bucket, nullptr) << "without a file there is no rate of its own";
    ++client->account.counts->accepted;
  }
  std::vector<std::string> counts;
  for (const auto& count : accounts.Counts(10)) {
    counts.push_back(count.name + " " + std::to_string(count.accepted));
  }
  EXPECT_EQ(counts, (std::vector<std::string>{"a 2", "b 1", "other 0"}));
}

TEST_F(ClientsAuthenticatorTest, TheNumberOfRememberedClientsIsBounded) {
  auto options = TokensWithoutFile();
  options.remembered_max = 10;
  ClientsAuthenticator auth(options);
  for (int i = 0; i < 100; ++i) {
    const std::string token = "t" + std::to_string(i);
    verifier_.tokens_[token] = {{{"sub", {token}}}, kNow + seconds(10)};
    EXPECT_EQ(Show(auth.Authenticate({.authorization = "Bearer " + token}, kNow)), token);
  }
  EXPECT_EQ(Show(auth.Authenticate({.authorization = "Bearer t0"}, kNow)), "t0");
  EXPECT_EQ(verifier_.verified_, 101);
}

TEST_F(ClientsAuthenticatorTest, TheChallengeNamesTheAcceptedSchemes) {
  EXPECT_EQ(ClientsAuthenticator(KeysOnly()).Challenge(),
            R"(Bearer realm="event-ingestor", Basic realm="event-ingestor")");
  EXPECT_EQ(ClientsAuthenticator(TokensWithoutFile()).Challenge(), R"(Bearer realm="event-ingestor")");
  EXPECT_EQ(ClientsAuthenticator({.certificates = true}).Challenge(),
            R"(Certificate realm="event-ingestor")");
}

}  // namespace
}  // namespace ei::auth
