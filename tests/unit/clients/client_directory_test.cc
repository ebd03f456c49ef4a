#include "clients/client_directory.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ei {
namespace {

ClientEntry EntryOf(std::string name) { return {.client = {.name = std::move(name)}}; }

ClientEntry WithCertificates(std::string name, std::vector<std::string> certificates) {
  ClientEntry entry = EntryOf(std::move(name));
  entry.certificates = std::move(certificates);
  return entry;
}

ClientEntry WithClaims(std::string name, std::vector<ClaimSet> claims) {
  ClientEntry entry = EntryOf(std::move(name));
  entry.claims = std::move(claims);
  return entry;
}

std::string NameOf(const std::shared_ptr<const Client>& client) { return client ? client->name : "none"; }

TEST(ClientName, IsBoundedAndOfFewCharacters) {
  for (const char* name : {"a", "orders", "Team-1.orders_eu", "0"}) EXPECT_TRUE(IsClientName(name)) << name;
  for (const char* name : {"", "a b", "a/b", "a:b", "\xc3\xa4", "a\n", "auth0|7"}) {
    EXPECT_FALSE(IsClientName(name)) << name;
  }
  EXPECT_TRUE(IsClientName(std::string(64, 'a')));
  EXPECT_FALSE(IsClientName(std::string(65, 'a')));
}

TEST(ClientDirectory, AnEmptyDirectoryKnowsNobody) {
  const ClientDirectory directory;
  EXPECT_EQ(directory.Size(), 0U);
  EXPECT_EQ(directory.FindKey(""), nullptr);
  EXPECT_EQ(directory.FindByCertificate({}), nullptr);
  EXPECT_EQ(directory.FindByClaims({{"sub", {"a"}}}), nullptr);
}

TEST(ClientDirectory, AKeyLeadsToItsClient) {
  ClientEntry orders = EntryOf("orders");
  KeyHash hash;
  hash.digest[0] = 1;
  const base::WallTime expiry{std::chrono::hours(5)};
  orders.keys = {{"old", hash, expiry}, {"new", {}}};
  const ClientDirectory directory({EntryOf("other"), orders});
  EXPECT_EQ(directory.Size(), 2U);
  const auto* found = directory.FindKey("old");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(NameOf(found->client), "orders");
  EXPECT_EQ(found->hash, hash);
  EXPECT_EQ(found->expires_at, expiry);
  ASSERT_NE(directory.FindKey("new"), nullptr);
  EXPECT_EQ(directory.FindKey("new")->client, found->client) << "one object for each client";
  EXPECT_EQ(directory.FindKey("new")->expires_at, base::WallTime::max());
  for (const char* id : {"", "ol", "OLD", "old "}) EXPECT_EQ(directory.FindKey(id), nullptr) << id;
}

TEST(ClientDirectory, ACertificateIsRecognisedByEachKindOfName) {
  const ClientDirectory directory({WithCertificates("s", {"subject:CN=orders,O=Example"}),
                                   WithCertificates("d", {"dns:Orders.example.org"}),
                                   WithCertificates("u", {"uri:spiffe://example.org/orders", "uri:b"}),
                                   WithCertificates("e", {"email:orders@example.org"})});
  EXPECT_EQ(NameOf(directory.FindByCertificate({.subject = "CN=orders,O=Example"})), "s");
  EXPECT_EQ(NameOf(directory.FindByCertificate({.subject = "CN=orders"})), "none");
  EXPECT_EQ(NameOf(directory.FindByCertificate({.dns = {"x.example.org", "orders.EXAMPLE.org"}})), "d");
  EXPECT_EQ(NameOf(directory.FindByCertificate({.dns = {"orders.example.org.evil.org"}})), "none");
  EXPECT_EQ(NameOf(directory.FindByCertificate({.uris = {"spiffe://example.org/orders"}})), "u");
  EXPECT_EQ(NameOf(directory.FindByCertificate({.uris = {"spiffe://example.org/Orders"}})), "none");
  EXPECT_EQ(NameOf(directory.FindByCertificate({.emails = {"orders@example.org"}})), "e");
}

TEST(ClientDirectory, ANameOfAnotherKindDoesNotMatch) {
  const ClientDirectory directory({WithCertificates("u", {"uri:orders"})});
  EXPECT_EQ(directory.FindByCertificate({.subject = "orders"}), nullptr);
  EXPECT_EQ(directory.FindByCertificate({.dns = {"orders"}}), nullptr);
  EXPECT_EQ(directory.FindByCertificate({.subject = "uri:orders"}), nullptr);
}

TEST(ClientDirectory, ACertificateWithNamesOfTwoClientsBelongsToNone) {
  const ClientDirectory directory(
      {WithCertificates("a", {"dns:a", "uri:a"}), WithCertificates("b", {"dns:b"})});
  EXPECT_EQ(NameOf(directory.FindByCertificate({.dns = {"a"}, .uris = {"a"}})), "a");
  EXPECT_EQ(NameOf(directory.FindByCertificate({.dns = {"a", "b"}})), "none");
  EXPECT_EQ(NameOf(directory.FindByCertificate({.dns = {"a", "b", "a"}})), "none");
}

TEST(ClientDirectory, EachClaimOfASetHasToBeInTheToken) {
  const ClientDirectory directory({WithClaims("a", {{{"iss", "i"}, {"sub", "a"}}, {{"azp", "app"}}}),
                                   WithClaims("b", {{{"iss", "i"}, {"sub", "b"}}})});
  EXPECT_EQ(NameOf(directory.FindByClaims({{"iss", {"i"}}, {"sub", {"a"}}})), "a");
  EXPECT_EQ(NameOf(directory.FindByClaims({{"sub", {"b"}}, {"x", {"y"}}, {"iss", {"i"}}})), "b");
  EXPECT_EQ(NameOf(directory.FindByClaims({{"azp", {"app"}}})), "a");
  EXPECT_EQ(NameOf(directory.FindByClaims({{"iss", {"i"}}})), "none");
  EXPECT_EQ(NameOf(directory.FindByClaims({{"sub", {"a"}}})), "none");
  EXPECT_EQ(NameOf(directory.FindByClaims({{"iss", {"other"}}, {"sub", {"a"}}})), "none");
  EXPECT_EQ(NameOf(directory.FindByClaims({})), "none");
}

TEST(ClientDirectory, OneOfSeveralValuesOfAClaimIsEnough) {
  const ClientDirectory directory({WithClaims("a", {{{"groups", "senders"}, {"iss", "i"}}})});
  EXPECT_EQ(NameOf(directory.FindByClaims({{"iss", {"i"}}, {"groups", {"x", "senders"}}})), "a");
  EXPECT_EQ(NameOf(directory.FindByClaims({{"iss", {"i"}}, {"groups", {}}})), "none");
}

TEST(ClientDirectory, NameAndValueAreKeptApart) {
  const ClientDirectory directory({WithClaims("a", {{{"ab", "c"}}})});
  EXPECT_EQ(NameOf(directory.FindByClaims({{"a", {"bc"}}})), "none");
  EXPECT_EQ(NameOf(directory.FindByClaims({{"ab", {"c"}}})), "a");
}

TEST(ClientDirectory, TheLargestSetCounts) {
  const ClientDirectory directory(
      {WithClaims("any", {{{"iss", "i"}}}), WithClaims("one", {{{"sub", "s"}, {"iss", "i"}}})});
  EXPECT_EQ(NameOf(directory.FindByClaims({{"iss", {"i"}}, {"sub", {"s"}}})), "one");
  EXPECT_EQ(NameOf(directory.FindByClaims({{"sub", {"s"}}, {"iss", {"i"}}})), "one");
  EXPECT_EQ(NameOf(directory.FindByClaims({{"iss", {"i"}}, {"sub", {"t"}}})), "any");
}

TEST(ClientDirectory, EqualSetsOfTwoClientsAreNobodys) {
  const ClientDirectory directory({WithClaims("a", {{{"sub", "s"}}}), WithClaims("b", {{{"azp", "p"}}}),
                                   WithClaims("c", {{{"x", "y"}, {"z", "z"}}})});
  EXPECT_EQ(NameOf(directory.FindByClaims({{"sub", {"s"}}, {"azp", {"p"}}})), "none");
  EXPECT_EQ(NameOf(directory.FindByClaims({{"sub", {"s", "s"}}, {"sub", {"s"}}})), "a");
  EXPECT_EQ(NameOf(directory.FindByClaims({{"sub", {"s"}}, {"azp", {"p"}}, {"x", {"y"}}, {"z", {"z"}}})),
            "c");
}

TEST(ClientDirectory, ManyClientsOfOneIssuerAreFoundByTheirSubjects) {
  std::vector<ClientEntry> entries;
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = "client-" + std::to_string(i);
    entries.push_back(WithClaims(name, {{{"iss", "https://issuer.example"}, {"sub", name}}}));
  }
  const ClientDirectory directory(std::move(entries));
  // Would take minutes if each search went through all clients.
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = "client-" + std::to_string(i);
    ASSERT_EQ(NameOf(directory.FindByClaims({{"iss", {"https://issuer.example"}}, {"sub", {name}}})), name);
  }
}

TEST(CurrentClients, AReplacementChangesTheVersionAndOldClientsStayValid) {
  CurrentClients clients(
      std::make_shared<const ClientDirectory>(std::vector<ClientEntry>{WithClaims("a", {{{"sub", "a"}}})}));
  const uint64_t version = clients.Version();
  const auto client = clients.Get()->FindByClaims({{"sub", {"a"}}});
  clients.Replace(std::make_shared<const ClientDirectory>());
  EXPECT_NE(clients.Version(), version);
  EXPECT_EQ(clients.Get()->Size(), 0U);
  EXPECT_EQ(NameOf(client), "a");
}

}  // namespace
}  // namespace ei
