// Connections that begin with a header of the PROXY protocol.

#include <gtest/gtest.h>

#include "unit/adapters/http/proxy_bytes.h"
#include "unit/adapters/http/test_server.h"
#include "unit/adapters/http/tls_client.h"
#include "unit/adapters/http/tls_files.h"

namespace ei::http {
namespace {

using namespace std::chrono_literals;

TestServerOptions Options() {
  TestServerOptions options;
  options.http.proxy_protocol = ProxyProtocol::kRequired;
  options.http.trusted_proxies = "127.0.0.1";
  return options;
}

uint64_t Refused(const TestServer& server) {
  const auto dropped = server.Counts().dropped_connections;
  return dropped.contains("proxy_header") ? dropped.at("proxy_header") : 0;
}

TEST(ServerProxyProtocol, RequestsBehindTheHeaderAreServed) {
  TestServer server(Options());
  HttpClient client = server.Connect();
  for (const std::string& sent : {ProxyTcp4(7) + PostEvents(EventNumber(1)), PostEvents(EventNumber(2))}) {
    const auto reply = client.Ask(sent);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 202);
  }
}

TEST(ServerProxyProtocol, TheHeaderMayArriveInParts) {
  TestServer server(Options());
  HttpClient client = server.Connect();
  const std::string header = ProxyTcp4(7);
  for (const char byte : header) {
    ASSERT_TRUE(client.Send({&byte, 1}));
    ::poll(nullptr, 0, 1);
  }
  const auto reply = client.Ask(Get("/livez"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
}

TEST(ServerProxyProtocol, TheClientThatItNamesHasItsOwnShare) {
  ClientShares::Options limits;
  limits.capacities[static_cast<size_t>(Shared::kConnections)] = 16;
  ClientShares shares(limits);
  TestServerOptions options = Options();
  options.http.connections_max = 16;
  options.shares = &shares;
  TestServer server(options);
  std::vector<HttpClient> flood;
  const auto ask = [&](HttpClient& client, uint8_t host) {
    const auto reply = client.Ask(ProxyTcp4(host) + PostEvents(EventNumber(1)));
    return reply ? reply->status : 0;
  };
  for (int i = 0; i < 14; ++i) {
    flood.push_back(server.Connect());
    EXPECT_EQ(ask(flood.back(), 1), 202);
  }
  HttpClient one_more = server.Connect();
  EXPECT_EQ(ask(one_more, 1), 429);
  HttpClient other = server.Connect();
  EXPECT_EQ(ask(other, 2), 202);
}

TEST(ServerProxyProtocol, TlsBeginsBehindTheHeader) {
  const support::CertificateAuthority authority;
  TlsFiles files(authority);
  TestServerOptions options = Options();
  options.http.tls = files.Options();
  TestServer server(options);
  TlsClient client(server.Port());
  const std::string header = ProxyTcp4(7);
  ASSERT_EQ(::send(client.Socket(), header.data(), header.size(), 0), static_cast<ssize_t>(header.size()));
  const auto reply = client.Ask(Get("/livez"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
}

TEST(ServerProxyProtocol, AProbeOfTheBalancerIsServed) {
  TestServer server(Options());
  HttpClient probe = server.Connect();
  const auto reply = probe.Ask(ProxyBytes(0x20, 0, "") + Get("/livez"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
  {
    HttpClient only_connects = server.Connect();
  }
  EXPECT_TRUE(Eventually([&] { return server.Http().Connections() == 1; }));
  EXPECT_EQ(Refused(server), 0U);
}

TEST(ServerProxyProtocol, OtherPeersAndOtherBytesAreRefused) {
  TestServer server(Options());
  HttpClient stranger = server.ConnectFrom(2);
  stranger.Send(ProxyTcp4(7) + Get("/livez"));
  EXPECT_TRUE(stranger.Ended());
  uint64_t refused = 1;
  EXPECT_TRUE(Eventually([&] { return Refused(server) == refused; }));
  for (const std::string& bytes : {Get("/livez"), std::string("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
                                   ProxyBytes(0x21, 0x31, std::string(216, 'a'))}) {
    HttpClient client = server.Connect();
    client.Send(bytes);
    EXPECT_TRUE(client.Ended());
    ++refused;
    EXPECT_TRUE(Eventually([&] { return Refused(server) == refused; }));
  }
  EXPECT_TRUE(server.NoConnectionIsLeft());
}

TEST(ServerProxyProtocol, TheAdminPortExpectsNoHeader) {
  TestServerOptions options = Options();
  options.http.admin_port = 0;
  TestServer server(options);
  HttpClient probe(*server.Http().AdminPort());
  const auto reply = probe.Ask(Get("/livez"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
}

TEST(ServerProxyProtocol, ASlowHeaderEnds) {
  TimedServer server(Options());
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Send(ProxyTcp4(7).substr(0, 20)));
  ASSERT_TRUE(Eventually([&] { return server.Http().Connections() == 1; }));
  server.Clock().Advance(9s);
  EXPECT_TRUE(client.StaysQuiet(300ms));
  server.Clock().Advance(2s);
  EXPECT_TRUE(client.Ended());
  EXPECT_TRUE(server.NoConnectionIsLeft());
}

TEST(ServerProxyProtocol, ConnectionsWithoutAHeaderHoldSlotsAndEndWithAStop) {
  TestServerOptions options = Options();
  options.http.connections_max = 2;
  TestServer server(options);
  HttpClient first = server.Connect();
  HttpClient second = server.Connect();
  ASSERT_TRUE(Eventually([&] { return server.Http().Connections() == 2; }));
  HttpClient third = server.Connect();
  const auto reply = third.Receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 503);
  const auto served = first.Ask(ProxyTcp4(7) + Get("/livez"));
  ASSERT_TRUE(served);
  EXPECT_EQ(served->status, 200);
  third.Close();
  EXPECT_EQ(server.Http().Stop(std::chrono::steady_clock::now() + 10s), 0U);
  EXPECT_TRUE(second.Ended());
}

}  // namespace
}  // namespace ei::http
