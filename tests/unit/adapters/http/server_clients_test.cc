#include <gtest/gtest.h>

#include <array>

#include <nlohmann/json.hpp>

#include "support/fake_authenticator.h"
#include "unit/adapters/http/test_server.h"

namespace ei::http {
namespace {

using namespace std::chrono_literals;
using ei::Shared;

std::string CodeOf(const ReplyMessage& reply) { return nlohmann::json::parse(reply.body).value("code", ""); }

std::string Bearer(std::string_view key) { return "Authorization: " + std::string(key) + "\r\n"; }

std::string Lines(uint64_t count) {
  std::string lines;
  for (uint64_t i = 0; i < count; ++i) lines += EventNumber(i) + "\n";
  return lines;
}

ClientShares::Options Capacities(uint64_t connections, uint64_t read_bytes, uint64_t journal_events) {
  ClientShares::Options options;
  options.capacities[static_cast<size_t>(Shared::kConnections)] = connections;
  options.capacities[static_cast<size_t>(Shared::kReadBytes)] = read_bytes;
  options.capacities[static_cast<size_t>(Shared::kJournalEvents)] = journal_events;
  return options;
}

class ServerClients : public ::testing::Test {
 protected:
  // 127.0.0.9 is a trusted proxy.
  void Open(TestServerOptions options = {},
            const ClientShares::Options& shared = Capacities(800, 1 << 20, 800)) {
    server_.reset();  // it uses the shares
    shares_ = std::make_unique<ClientShares>(shared);
    options.shares = shares_.get();
    options.journal_events_max = shared.capacities[static_cast<size_t>(Shared::kJournalEvents)];
    options.http.trusted_proxies = "127.0.0.9";
    options.make_authenticator = [this] { return std::make_unique<support::FakeAuthenticator>(clients_); };
    server_ = std::make_unique<TimedServer>(std::move(options));
  }

  static ReplyMessage Post(HttpClient& client, std::string_view key, std::string_view body = EventNumber(1),
                           std::string_view more = {}, std::string_view target = "/events") {
    std::string request = PostEvents(body, Bearer(key) + std::string(more), "application/x-ndjson");
    request.replace(request.find("/events"), 7, target);
    return client.Ask(request).value();
  }

  support::FakeClients clients_;
  ClientAccounts accounts_{100};
  std::unique_ptr<ClientShares> shares_;
  std::unique_ptr<TimedServer> server_;
};

TEST_F(ServerClients, WithoutValidCredentialsNothingIsAccepted) {
  Open();
  clients_.Set("a", {.name = "orders"});
  HttpClient client = server_->Connect();
  const ReplyMessage none = client.Ask(PostEvents(EventNumber(1))).value();
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(CodeOf(none), "unauthenticated");
  EXPECT_EQ(none.Header("www-authenticate"), "Bearer realm=\"events\"");
  EXPECT_EQ(Post(client, "b").status, 401);
  EXPECT_EQ(Post(client, "a").status, 202);
  EXPECT_EQ(Post(client, "b").status, 401) << "the connection doesn't keep the client of another request";
  EXPECT_EQ(server_->Accepted(), 1U);
  EXPECT_EQ(server_->Counts().unauthenticated,
            (std::map<std::string, uint64_t>{{"no_credentials", 1}, {"unknown_key", 2}}));
}

TEST_F(ServerClients, CredentialsAreJudgedBeforeTheBodyIsRead) {
  Open();
  HttpClient client = server_->Connect();
  const auto refused = client.Ask(
      "POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
      "Content-Length: 10\r\n\r\n");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 401);
}

TEST_F(ServerClients, ARepeatedCredentialIsRefused) {
  Open();
  clients_.Set("a", {.name = "orders"});
  HttpClient client = server_->Connect();
  EXPECT_EQ(Post(client, "a").status, 202);
  EXPECT_EQ(Post(client, "a", EventNumber(2), Bearer("a")).status, 401);
  EXPECT_EQ(client.Ask(PostEvents(EventNumber(3), "X-API-Key: a\r\nX-API-Key: a\r\n")).value().status, 401);
  EXPECT_EQ(client.Ask(PostEvents(EventNumber(3), "X-API-Key: a\r\n")).value().status, 202);
  EXPECT_EQ(server_->Counts().unauthenticated.at("ambiguous"), 2U);
}

TEST_F(ServerClients, ACredentialIsLookedUpOncePerConnection) {
  Open();
  clients_.Set("a", {.name = "orders"});
  HttpClient client = server_->Connect();
  const uint64_t before = clients_.Lookups();
  for (int i = 0; i < 10; ++i) ASSERT_EQ(Post(client, "a").status, 202);
  EXPECT_EQ(clients_.Lookups(), before + 1);
}

TEST_F(ServerClients, ARemovedKeyEndsAtOnceAndTheConnectionRemains) {
  Open();
  clients_.Set("a", {.name = "orders"});
  clients_.Set("new", {.name = "orders"});
  HttpClient client = server_->Connect();
  EXPECT_EQ(Post(client, "a").status, 202);
  clients_.Remove("a");
  EXPECT_EQ(Post(client, "a").status, 401);
  EXPECT_EQ(Post(client, "new").status, 202);
}

TEST_F(ServerClients, ProbesAreOpenAndMetricsAsTheSettingSays) {
  for (const bool closed : {false, true}) {
    TestServerOptions options;
    options.http.admin_auth = closed;
    Open(std::move(options));
    clients_.Set("a", {.name = "orders"});
    clients_.Set("ops", {.name = "ops", .rights = {.admin = true}});
    HttpClient client = server_->Connect();
    for (const std::string_view probe : {"/livez", "/readyz", "/health"}) {
      EXPECT_EQ(client.Ask(Get(probe)).value().status, 200) << probe;
    }
    EXPECT_EQ(client.Ask(Get("/metrics")).value().status, closed ? 401 : 200);
    EXPECT_EQ(client.Ask(Get("/metrics", Bearer("a"))).value().status, closed ? 403 : 200);
    EXPECT_EQ(client.Ask(Get("/metrics", Bearer("ops"))).value().status, 200);
  }
}

TEST_F(ServerClients, EachEventOfABatchIsJudgedByItself) {
  Open();
  const std::vector<std::string> types = {"order.*"};
  clients_.Set("a", {.name = "orders", .rights = {.types = NameRules(types)}});
  HttpClient client = server_->Connect();
  const ReplyMessage mixed = Post(client, "a", "{\"type\":\"order.paid\"}\n{\"type\":\"refund\"}\n");
  EXPECT_EQ(mixed.status, 207);
  const auto errors = nlohmann::json::parse(mixed.body)["errors"];
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0]["index"], 1);
  EXPECT_EQ(errors[0]["code"], "type_not_allowed");
  const ReplyMessage none = Post(client, "a", "{\"type\":\"refund\"}\n{\"type\":\"refund\"}\n");
  EXPECT_EQ(none.status, 403);
  EXPECT_EQ(nlohmann::json::parse(none.body)["accepted"], 0);
  const ReplyMessage invalid = Post(client, "a", "{\"type\":\"refund\"}\n{\"type\":7}\n");
  EXPECT_EQ(invalid.status, 422);
  const auto single = client.Ask(PostEvents(R"({"type":"refund"})", Bearer("a")));
  EXPECT_EQ(single.value().status, 403);
  EXPECT_EQ(CodeOf(*single), "type_not_allowed");
  const auto escaped = client.Ask(PostEvents(R"({"type":"\u006frder.paid"})", Bearer("a")));
  EXPECT_EQ(escaped.value().status, 202) << "rules apply to the type without escapes";
}

TEST_F(ServerClients, TheTopicOfAnEventHasToBeAllowed) {
  TestServerOptions options;
  options.ingest.default_topic = "events";
  Open(std::move(options));
  const std::vector<std::string> own = {"orders"};
  const std::vector<std::string> all = {"orders", "ev*"};
  clients_.Set("a", {.name = "a", .rights = {.topics = NameRules(own)}});
  clients_.Set("b", {.name = "b", .rights = {.topics = NameRules(all)}});
  HttpClient client = server_->Connect();
  const auto refused = client.Ask(PostEvents(EventNumber(1), Bearer("a"))).value();
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(CodeOf(refused), "topic_not_allowed");
  EXPECT_EQ(client.Ask(PostEvents(EventNumber(1), Bearer("b"))).value().status, 202);
}

TEST_F(ServerClients, OnlyAllowedAckLevelsMayBeRequested) {
  Open();
  clients_.Set("a", {.name = "orders", .rights = {.acks = {true, true, false}}});
  HttpClient client = server_->Connect();
  const ReplyMessage refused = Post(client, "a", EventNumber(1), {}, "/events?ack=broker");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(CodeOf(refused), "ack_not_allowed");
  EXPECT_EQ(Post(client, "a", EventNumber(1), {}, "/events?ack=memory").status, 202);
}

TEST_F(ServerClients, AClientsOwnRateHoldsItBackAlone) {
  Open();
  const ClientLimits limits{.rate = 10, .burst = 20};
  clients_.Set("a", {.name = "a", .limits = limits, .account = accounts_.Of("a", limits)});
  clients_.Set("b", {.name = "b", .account = accounts_.Of("b", {})});
  HttpClient proxy = server_->ConnectFrom(9);
  const std::string batch = Lines(15);
  const ReplyMessage first = Post(proxy, "a", batch);
  EXPECT_EQ(first.status, 202);
  EXPECT_EQ(first.Header("ratelimit-policy"), R"("client";q=20;w=2;qu="events")");
  EXPECT_EQ(first.Header("ratelimit"), R"("client";r=5;t=2)");
  const ReplyMessage second = Post(proxy, "a", batch);
  EXPECT_EQ(second.status, 429);
  EXPECT_EQ(CodeOf(second), "rate_limited");
  EXPECT_EQ(second.Header("retry-after"), "1");
  EXPECT_EQ(second.Header("ratelimit"), R"("client";r=0;t=1)");
  const auto problem = nlohmann::json::parse(second.body);
  EXPECT_EQ(problem["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
  EXPECT_EQ(problem["violated-policies"], nlohmann::json::array({"client"}));
  const uint64_t decoded = server_->Counts().received;
  EXPECT_EQ(Post(proxy, "a", EventNumber(1)).status, 429) << "its flood costs it time";
  EXPECT_EQ(server_->Counts().received, decoded) << "without being decoded";
  EXPECT_EQ(Post(proxy, "b", batch).status, 202);
  EXPECT_TRUE(Post(proxy, "b", batch).Header("ratelimit").empty()) << "it has no rate of its own";
  server_->Clock().Advance(1s);
  EXPECT_EQ(Post(proxy, "a", batch).status, 202);
  const auto counts = accounts_.Counts(10);
  ASSERT_EQ(counts.size(), 3U);
  EXPECT_EQ(counts[0].accepted, 30U);
  EXPECT_EQ(counts[0].rejected, 15U);
  EXPECT_EQ(counts[1].accepted, 30U);
}

TEST_F(ServerClients, EventsKeepTheNameOfTheirClientIfThatIsWanted) {
  for (const bool wanted : {false, true}) {
    TestServerOptions options;
    options.keep_client_names = wanted;
    Open(std::move(options));
    clients_.Set("a", {.name = "orders"});
    HttpClient client = server_->Connect();
    ASSERT_EQ(Post(client, "a", EventNumber(1), "X-Event-Client: forged\r\nevent_client: forged\r\n").status,
              202);
    JournalEvent event;
    ASSERT_EQ(server_->Journal().Take(0, std::span(&event, 1)), 1U);
    EXPECT_EQ(event.context.client, wanted ? "orders" : "");
  }
}

TEST_F(ServerClients, AClientKeepsItsShareOnAllItsAddresses) {
  Open({}, Capacities(800, 1 << 20, 80));
  clients_.Set("flood", {.name = "flood"});
  clients_.Set("small", {.name = "small"});
  HttpClient small = server_->ConnectFrom(2);
  ASSERT_EQ(Post(small, "small").status, 202);
  HttpClient direct = server_->ConnectFrom(3);
  EXPECT_EQ(Post(direct, "flood", Lines(35)).status, 202);
  HttpClient proxied = server_->ConnectFrom(9);
  EXPECT_EQ(Post(proxied, "flood", Lines(34)).status, 202);
  HttpClient flood = server_->ConnectFrom(4);
  const ReplyMessage refused = Post(flood, "flood");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(CodeOf(refused), "client_over_share");
  HttpClient proxy = server_->ConnectFrom(9);
  EXPECT_EQ(Post(proxy, "small").status, 202);
}

TEST_F(ServerClients, AClientsOwnPartOfTheJournalHoldsItBackWhenItIsAlone) {
  Open({}, Capacities(800, 1 << 20, 80));
  clients_.Set("a", {.name = "a", .limits = {.journal_part = 0.05}});
  HttpClient client = server_->Connect();
  EXPECT_EQ(Post(client, "a", Lines(5)).status, 413) << "it never fits";
  EXPECT_EQ(Post(client, "a", Lines(4)).status, 202);
  const ReplyMessage refused = Post(client, "a");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(CodeOf(refused), "client_over_share");
}

TEST_F(ServerClients, AClientsOwnMemoryForRequestsHoldsItBackAlone) {
  Open();
  clients_.Set("a", {.name = "a", .limits = {.inflight_bytes_max = 32 << 10}});
  clients_.Set("b", {.name = "b"});
  HttpClient client = server_->Connect();
  const auto large = [](std::string_view key) {
    return PostEvents(R"({"type":"t","x":")" + std::string(60'000, 'x') + "\"}", Bearer(key));
  };
  const auto refused = client.Ask(large("a"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  HttpClient second = server_->Connect();
  EXPECT_EQ(second.Ask(large("b")).value().status, 202);
}

TEST_F(ServerClients, ConnectionsAreChargedToTheClientThatUsesThem) {
  Open({}, Capacities(16, 1 << 20, 800));
  clients_.Set("a", {.name = "a"});
  std::vector<HttpClient> held;
  for (uint8_t host = 10; host < 24; ++host) {
    held.push_back(server_->ConnectFrom(host));
    ASSERT_EQ(Post(held.back(), "a").status, 202) << int{host};
  }
  HttpClient last = server_->ConnectFrom(24);
  const ReplyMessage refused = Post(last, "a");
  EXPECT_EQ(refused.status, 429);
  EXPECT_TRUE(refused.SaysClose());
  last.Close();
  held.clear();
  EXPECT_TRUE(server_->NoConnectionIsLeft());
  HttpClient after = server_->ConnectFrom(25);
  EXPECT_EQ(Post(after, "a").status, 202);
}

TEST_F(ServerClients, NothingStaysChargedWhenClientsAlternateOnOneConnection) {
  Open();
  clients_.Set("a", {.name = "a"});
  clients_.Set("b", {.name = "b"});
  for (const uint8_t host : std::to_array<uint8_t>({1, 9})) {
    HttpClient client = server_->ConnectFrom(host);
    for (int i = 0; i < 20; ++i) {
      const std::string_view key = i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "unknown";
      EXPECT_EQ(Post(client, key, R"({"type":"t","x":")" + std::string(20'000, 'x') + "\"}").status,
                i % 3 == 2 ? 401 : 202);
    }
  }
  EXPECT_TRUE(server_->NoConnectionIsLeft());
  EXPECT_TRUE(server_->NoBytesAreHeld());
  for (const std::string_view name : {"client:a", "client:b", "127.0.0.1"}) {
    const auto handle = shares_->Enter(name, server_->Clock().Now());
    EXPECT_EQ(shares_->Held(handle.Client(), Shared::kReadBytes), 0U) << name;
    EXPECT_EQ(shares_->Held(handle.Client(), Shared::kConnections), 0U) << name;
  }
}

}  // namespace
}  // namespace ei::http
