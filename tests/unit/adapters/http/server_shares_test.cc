#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/adapters/http/test_server.h"

namespace ei::http {
namespace {

using namespace std::chrono_literals;
using app::ClientShares;
using app::Shared;

std::string CodeOf(const ReplyMessage& reply) { return nlohmann::json::parse(reply.body).value("code", ""); }

ClientShares::Options SharesOf(Shared what, uint64_t capacity) {
  ClientShares::Options options;
  options.capacities[static_cast<size_t>(what)] = capacity;
  return options;
}

std::string ManyEvents(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += EventNumber(i) + "\n";
  return lines;
}

std::string PostLines(int count, std::string_view headers = {}) {
  return PostEvents(ManyEvents(count), headers, "application/x-ndjson");
}

TEST(ServerShares, AFloodLeavesTheLastOfTheJournalToOthers) {
  ClientShares shares(SharesOf(Shared::kJournalEvents, 80));
  TestServerOptions options;
  options.journal_events_max = 80;
  options.shares = &shares;
  TestServer server(options);
  HttpClient modest = server.ConnectFrom(2);
  ASSERT_EQ(modest.Ask(PostLines(1)).value().status, 202);
  HttpClient flood = server.ConnectFrom(3);
  ASSERT_EQ(flood.Ask(PostLines(69)).value().status, 202);
  const auto refused = flood.Ask(PostLines(1));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(CodeOf(*refused), "client_over_share");
  EXPECT_GE(std::stoi(refused->Header("retry-after")), 1);
  EXPECT_FALSE(refused->SaysClose());
  EXPECT_EQ(modest.Ask(PostLines(9)).value().status, 202) << "an eighth together with the first";
  EXPECT_EQ(modest.Ask(PostLines(1)).value().status, 429) << "now it holds an eighth too";
  EXPECT_EQ(server.Told().over_share.at("journal"), 2U);
}

TEST(ServerShares, WhoIsAloneGetsTheWholeJournal) {
  ClientShares shares(SharesOf(Shared::kJournalEvents, 80));
  TestServerOptions options;
  options.journal_events_max = 80;
  options.shares = &shares;
  TestServer server(options);
  HttpClient alone = server.ConnectFrom(2);
  ASSERT_EQ(alone.Ask(PostLines(80)).value().status, 202);
  const auto full = alone.Ask(PostLines(1));
  ASSERT_TRUE(full);
  EXPECT_EQ(CodeOf(*full), "journal_full");
}

TEST(ServerShares, AFloodLeavesTheLastOfTheRateToOthers) {
  ClientShares::Options shared;
  shared.rate = 0.001;
  shared.burst = 80;
  ClientShares shares(shared);
  TestServerOptions options;
  options.rate = 0.001;
  options.burst = 80;
  options.shares = &shares;
  TestServer server(options);
  HttpClient modest = server.ConnectFrom(2);
  ASSERT_EQ(modest.Ask(PostLines(1)).value().status, 202);
  HttpClient flood = server.ConnectFrom(3);
  ASSERT_EQ(flood.Ask(PostLines(69)).value().status, 202);
  const auto refused = flood.Ask(PostLines(1));
  ASSERT_TRUE(refused);
  EXPECT_EQ(CodeOf(*refused), "rate_limited");
  EXPECT_EQ(modest.Ask(PostLines(9)).value().status, 202);
  EXPECT_EQ(server.Told().over_share.at("rate"), 1U);
}

TEST(ServerShares, WhoDoesNotHeedRefusalsIsNotReadForAMoment) {
  ClientShares shares(SharesOf(Shared::kJournalEvents, 80));
  TestServerOptions options;
  options.journal_events_max = 80;
  options.shares = &shares;
  TimedServer server(options);
  HttpClient modest = server.ConnectFrom(2);
  ASSERT_EQ(modest.Ask(PostLines(1)).value().status, 202);
  HttpClient flood = server.ConnectFrom(3);
  ASSERT_EQ(flood.Ask(PostLines(69)).value().status, 202);
  ASSERT_TRUE(flood.Send(PostLines(1) + PostLines(1) + PostLines(1)));
  ASSERT_EQ(flood.Receive().value().status, 429);
  ASSERT_EQ(modest.Ask(PostLines(1)).value().status, 202);
  EXPECT_EQ(server.Told().over_share.at("journal"), 1U) << "the next one is not looked at";
  for (uint64_t expected = 2; expected <= 3; ++expected) {
    server.Clock().Advance(600ms);
    EXPECT_EQ(flood.Receive().value().status, 429);
    EXPECT_EQ(server.Told().over_share.at("journal"), expected);
  }
  flood.Close();
  server.Clock().Advance(600ms);
  EXPECT_TRUE(Eventually([&] { return server.Http().Connections() == 1; }));
}

TEST(ServerShares, WhoIsHeldBackDoesNotHoldUpTheStop) {
  ClientShares shares(SharesOf(Shared::kJournalEvents, 80));
  TestServerOptions options;
  options.journal_events_max = 80;
  options.shares = &shares;
  TestServer server(options);
  HttpClient modest = server.ConnectFrom(2);
  ASSERT_EQ(modest.Ask(PostLines(1)).value().status, 202);
  HttpClient flood = server.ConnectFrom(3);
  ASSERT_EQ(flood.Ask(PostLines(69)).value().status, 202);
  ASSERT_TRUE(flood.Send(PostLines(1) + PostLines(1)));
  ASSERT_EQ(flood.Receive().value().status, 429);
  HttpClient waiting = server.ConnectFrom(3);
  ASSERT_EQ(waiting.Ask(PostLines(1)).value().status, 429);
  EXPECT_EQ(server.Http().Stop(std::chrono::steady_clock::now() + kPatience), 0U);
  const auto last = flood.Receive();
  ASSERT_TRUE(last) << "what had arrived is answered";
  EXPECT_EQ(last->status, 429);
  EXPECT_TRUE(flood.Ended());
  EXPECT_TRUE(waiting.Ended());
}

TEST(ServerShares, AServerMayEndWhileClientsAreHeldBack) {
  ClientShares shares(SharesOf(Shared::kJournalEvents, 80));
  TestServerOptions options;
  options.journal_events_max = 80;
  options.shares = &shares;
  TimedServer server(options);
  HttpClient modest = server.ConnectFrom(2);
  ASSERT_EQ(modest.Ask(PostLines(1)).value().status, 202);
  HttpClient flood = server.ConnectFrom(3);
  ASSERT_EQ(flood.Ask(PostLines(69)).value().status, 202);
  ASSERT_EQ(flood.Ask(PostLines(1)).value().status, 429);
  server.End();
  EXPECT_TRUE(flood.Ended());
}

TEST(ServerShares, AFloodOfConnectionsLeavesTheLastOnesToOthers) {
  ClientShares shares(SharesOf(Shared::kConnections, 16));
  TestServerOptions options;
  options.http.connections_max = 16;
  options.shares = &shares;
  TestServer server(options);
  std::vector<HttpClient> flood;
  for (int i = 0; i < 14; ++i) {
    flood.push_back(server.ConnectFrom(3));
    ASSERT_EQ(flood.back().Ask(Get("/livez")).value().status, 200);
  }
  HttpClient over = server.ConnectFrom(3);
  const auto refused = over.Ask(Get("/livez"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(CodeOf(*refused), "client_over_share");
  EXPECT_TRUE(refused->SaysClose());
  HttpClient modest = server.ConnectFrom(2);
  EXPECT_EQ(modest.Ask(Get("/livez")).value().status, 200);
  EXPECT_EQ(server.Told().over_share.at("connections"), 1U);
}

TEST(ServerShares, SlowBodiesOfOneClientLeaveTheLastOfTheMemoryToOthers) {
  constexpr size_t kBytes = 1 << 20;
  ClientShares shares(SharesOf(Shared::kReadBytes, kBytes));
  TestServerOptions options;
  options.http.inflight_bytes_max = kBytes;
  options.shares = &shares;
  TestServer server(options);
  HttpClient modest = server.ConnectFrom(2);
  ASSERT_EQ(modest.Ask(PostLines(1)).value().status, 202);
  const std::string unfinished =
      "POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n" +
      std::string(150'000, ' ');
  std::vector<HttpClient> flood;
  bool refused = false;
  for (int i = 0; i < 8 && !refused; ++i) {
    flood.push_back(server.ConnectFrom(3));
    flood.back().SendSome(unfinished, 100ms);
    refused = Eventually([&] { return server.Told().over_share.contains("memory"); }, 200ms);
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(modest.Ask(PostLines(2'000)).value().status, 202) << "60 KB";
  flood.clear();
  EXPECT_TRUE(server.NoBytesAreHeld());
}

TEST(ServerShares, ATrustedProxySpeaksForItsClients) {
  ClientShares shares(SharesOf(Shared::kJournalEvents, 80));
  TestServerOptions options;
  options.journal_events_max = 80;
  options.shares = &shares;
  options.http.trusted_proxies = TrustedProxies::Parse("127.0.0.2").value();
  TestServer server(options);
  HttpClient proxy = server.ConnectFrom(2);
  ASSERT_EQ(proxy.Ask(PostLines(1, "X-Forwarded-For: 198.51.100.1\r\n")).value().status, 202);
  ASSERT_EQ(proxy.Ask(PostLines(69, "X-Forwarded-For: 198.51.100.2\r\n")).value().status, 202);
  EXPECT_EQ(proxy.Ask(PostLines(1, "X-Forwarded-For: 198.51.100.2\r\n")).value().status, 429);
  HttpClient other_line = server.ConnectFrom(2);
  EXPECT_EQ(other_line.Ask(PostLines(1, "X-Forwarded-For: 198.51.100.3\r\nX-Forwarded-For: 198.51.100.2\r\n"))
                .value()
                .status,
            429);
  HttpClient again = server.ConnectFrom(2);
  EXPECT_EQ(again.Ask(PostLines(5, "X-Forwarded-For: 198.51.100.1\r\n")).value().status, 202);
  HttpClient stranger = server.ConnectFrom(3);
  EXPECT_EQ(stranger.Ask(PostLines(5, "X-Forwarded-For: 198.51.100.2\r\n")).value().status, 202)
      << "its word is not taken";
}

// The pools of proxies give the connection that was used last to whoever comes next.
TEST(ServerShares, AFloodBehindAProxyHoldsUpNobodyElseOnItsConnection) {
  ClientShares shares(SharesOf(Shared::kJournalEvents, 80));
  TestServerOptions options;
  options.journal_events_max = 80;
  options.shares = &shares;
  options.http.trusted_proxies = TrustedProxies::Parse("127.0.0.2").value();
  TimedServer server(options);
  HttpClient proxy = server.ConnectFrom(2);
  ASSERT_EQ(proxy.Ask(PostLines(1, "X-Forwarded-For: 198.51.100.1\r\n")).value().status, 202);
  ASSERT_EQ(proxy.Ask(PostLines(69, "X-Forwarded-For: 198.51.100.2\r\n")).value().status, 202);
  ASSERT_TRUE(proxy.Send(PostLines(1, "X-Forwarded-For: 198.51.100.2\r\n") +
                         PostLines(1, "X-Forwarded-For: 198.51.100.1\r\n")));
  EXPECT_EQ(proxy.Receive().value().status, 429);
  const auto innocent = proxy.Receive();  // the clock stands still
  ASSERT_TRUE(innocent);
  EXPECT_EQ(innocent->status, 202);
}

}  // namespace
}  // namespace ei::http
