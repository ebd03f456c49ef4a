#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/adapters/http/test_server.h"

namespace ei::http {
namespace {

using namespace std::chrono_literals;
using ei::Shared;

std::string CodeOf(const ReplyMessage& reply) { return nlohmann::json::parse(reply.body).value("code", ""); }

constexpr ClientShares::Options SharesOf(Shared what, uint64_t capacity) {
  ClientShares::Options options;
  options.capacities[static_cast<size_t>(what)] = capacity;
  return options;
}

constexpr ClientShares::Options RateOf(double rate, double burst) {
  ClientShares::Options options;
  options.rate = rate;
  options.burst = burst;
  return options;
}

constexpr ClientShares::Options kJournal = SharesOf(Shared::kJournalEvents, 80);

std::string ManyEvents(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += EventNumber(i) + "\n";
  return lines;
}

std::string PostLines(int count, std::string_view headers = {}) {
  return PostEvents(ManyEvents(count), headers, "application/x-ndjson");
}

// A server whose clients share what `shared` says, and two of them.
template <typename Server>
struct SharedServer {
  explicit SharedServer(const ClientShares::Options& shared, TestServerOptions options = {})
      : shares(shared), server(With(shared, std::move(options))) {}

  TestServerOptions With(const ClientShares::Options& shared, TestServerOptions options) {
    options.shares = &shares;
    options.rate = shared.rate;
    options.burst = shared.burst;
    const uint64_t events = shared.capacities[static_cast<size_t>(Shared::kJournalEvents)];
    if (events > 0) options.journal_events_max = events;
    return options;
  }

  // Of 80 events, or of as many tokens, all but what is kept for others is the flood's then.
  void TakeAllButTheLast() {
    ASSERT_EQ(modest.Ask(PostLines(1)).value().status, 202);
    ASSERT_EQ(flood.Ask(PostLines(69)).value().status, 202);
  }

  ClientShares shares;
  Server server;
  HttpClient modest = server.ConnectFrom(2);
  HttpClient flood = server.ConnectFrom(3);
};

TEST(ServerShares, AFloodLeavesTheLastOfTheJournalToOthers) {
  SharedServer<TestServer> at(kJournal);
  at.TakeAllButTheLast();
  const auto refused = at.flood.Ask(PostLines(1));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(CodeOf(*refused), "client_over_share");
  EXPECT_GE(std::stoi(refused->Header("retry-after")), 1);
  EXPECT_FALSE(refused->SaysClose());
  EXPECT_EQ(at.modest.Ask(PostLines(9)).value().status, 202) << "an eighth together with the first";
  EXPECT_EQ(at.modest.Ask(PostLines(1)).value().status, 429) << "now it holds an eighth too";
  EXPECT_EQ(at.server.Told().over_share.at("journal"), 2U);
}

TEST(ServerShares, WhoIsAloneGetsTheWholeJournal) {
  SharedServer<TestServer> at(kJournal);
  ASSERT_EQ(at.modest.Ask(PostLines(80)).value().status, 202);
  const auto full = at.modest.Ask(PostLines(1));
  ASSERT_TRUE(full);
  EXPECT_EQ(CodeOf(*full), "journal_full");
}

TEST(ServerShares, AFloodLeavesTheLastOfTheRateToOthers) {
  SharedServer<TestServer> at(RateOf(0.001, 80));
  at.TakeAllButTheLast();
  const auto refused = at.flood.Ask(PostLines(1));
  ASSERT_TRUE(refused);
  EXPECT_EQ(CodeOf(*refused), "rate_limited");
  EXPECT_EQ(at.modest.Ask(PostLines(9)).value().status, 202);
  EXPECT_EQ(at.server.Told().over_share.at("rate"), 1U);
}

// Its decoding would cost no tokens, so it doesn't happen.
TEST(ServerShares, ABodyThatComesWhenItsClientHasJustBeenRefusedIsNotDecoded) {
  SharedServer<TimedServer> at(RateOf(100, 100));
  HttpClient late = at.server.ConnectFrom(3);
  const std::string begun = PostLines(60);
  ASSERT_TRUE(late.Send(Get("/livez") + begun.substr(0, begun.size() - 1)));
  ASSERT_EQ(late.Receive().value().status, 200);
  ASSERT_EQ(at.flood.Ask(PostLines(60)).value().status, 202);
  ASSERT_EQ(at.flood.Ask(PostLines(60)).value().status, 429);
  EXPECT_EQ(at.server.Told().received, 120U);
  const auto refused = late.Ask(begun.substr(begun.size() - 1));
  ASSERT_TRUE(refused);
  EXPECT_EQ(CodeOf(*refused), "rate_limited");
  EXPECT_EQ(refused->Header("retry-after"), "1");
  EXPECT_EQ(at.flood.Ask(PostLines(1)).value().status, 429);
  EXPECT_EQ(at.server.Told().received, 120U);
  at.server.Clock().Advance(600ms);
  EXPECT_EQ(at.flood.Ask(PostLines(60)).value().status, 202);
}

TEST(ServerShares, WhoDoesNotHeedRefusalsIsNotReadForAMoment) {
  SharedServer<TimedServer> at(kJournal);
  at.TakeAllButTheLast();
  ASSERT_TRUE(at.flood.Send(PostLines(1) + PostLines(1) + PostLines(1)));
  ASSERT_EQ(at.flood.Receive().value().status, 429);
  ASSERT_EQ(at.modest.Ask(PostLines(1)).value().status, 202);
  EXPECT_EQ(at.server.Told().over_share.at("journal"), 1U) << "the next one is not looked at";
  for (uint64_t expected = 2; expected <= 3; ++expected) {
    at.server.Clock().Advance(600ms);
    EXPECT_EQ(at.flood.Receive().value().status, 429);
    EXPECT_EQ(at.server.Told().over_share.at("journal"), expected);
  }
  at.flood.Close();
  at.server.Clock().Advance(600ms);
  EXPECT_TRUE(Eventually([&] { return at.server.Http().Connections() == 1; }));
}

TEST(ServerShares, WhoIsHeldBackDoesNotHoldUpTheStop) {
  SharedServer<TestServer> at(kJournal);
  at.TakeAllButTheLast();
  ASSERT_TRUE(at.flood.Send(PostLines(1) + PostLines(1)));
  ASSERT_EQ(at.flood.Receive().value().status, 429);
  HttpClient waiting = at.server.ConnectFrom(3);
  ASSERT_EQ(waiting.Ask(PostLines(1)).value().status, 429);
  EXPECT_EQ(at.server.Http().Stop(std::chrono::steady_clock::now() + kPatience), 0U);
  const auto last = at.flood.Receive();
  ASSERT_TRUE(last) << "what had arrived is answered";
  EXPECT_EQ(last->status, 429);
  EXPECT_TRUE(at.flood.Ended());
  EXPECT_TRUE(waiting.Ended());
}

TEST(ServerShares, AHalfHeaderOfWhoIsHeldBackDoesNotHoldUpTheStop) {
  SharedServer<TestServer> at(kJournal);
  at.TakeAllButTheLast();
  ASSERT_EQ(at.flood.Ask(PostLines(1) + "POST /events HT").value().status, 429);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(at.server.Http().Stop(began + 30s), 0U);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  EXPECT_TRUE(at.flood.Ended());
}

TEST(ServerShares, AServerMayEndWhileClientsAreHeldBack) {
  SharedServer<TimedServer> at(kJournal);
  at.TakeAllButTheLast();
  ASSERT_EQ(at.flood.Ask(PostLines(1)).value().status, 429);
  at.server.End();
  EXPECT_TRUE(at.flood.Ended());
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
  TestServerOptions options;
  options.http.trusted_proxies = TrustedProxies::Parse("127.0.0.2").value();
  SharedServer<TestServer> at(kJournal, options);
  HttpClient proxy = at.server.ConnectFrom(2);
  ASSERT_EQ(proxy.Ask(PostLines(1, "X-Forwarded-For: 198.51.100.1\r\n")).value().status, 202);
  ASSERT_EQ(proxy.Ask(PostLines(69, "X-Forwarded-For: 198.51.100.2\r\n")).value().status, 202);
  EXPECT_EQ(proxy.Ask(PostLines(1, "X-Forwarded-For: 198.51.100.2\r\n")).value().status, 429);
  HttpClient other_line = at.server.ConnectFrom(2);
  EXPECT_EQ(other_line.Ask(PostLines(1, "X-Forwarded-For: 198.51.100.3\r\nX-Forwarded-For: 198.51.100.2\r\n"))
                .value()
                .status,
            429);
  HttpClient again = at.server.ConnectFrom(2);
  EXPECT_EQ(again.Ask(PostLines(5, "X-Forwarded-For: 198.51.100.1\r\n")).value().status, 202);
  HttpClient stranger = at.server.ConnectFrom(3);
  EXPECT_EQ(stranger.Ask(PostLines(5, "X-Forwarded-For: 198.51.100.2\r\n")).value().status, 202)
      << "its word is not taken";
}

// The pools of proxies give the connection that was used last to whoever comes next.
TEST(ServerShares, AFloodBehindAProxyHoldsUpNobodyElseOnItsConnection) {
  TestServerOptions options;
  options.http.trusted_proxies = TrustedProxies::Parse("127.0.0.2").value();
  SharedServer<TimedServer> at(kJournal, options);
  HttpClient proxy = at.server.ConnectFrom(2);
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
