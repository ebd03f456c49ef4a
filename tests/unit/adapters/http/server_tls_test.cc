// The server with TLS: handshakes, client certificates, and what the connections do that they also do
// without.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/adapters/http/test_server.h"
#include "unit/adapters/http/tls_client.h"
#include "unit/adapters/http/tls_files.h"

namespace ei::http {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

class ServerTls : public testing::Test {
 protected:
  TestServerOptions Options(ClientAuth auth = ClientAuth::kOff) const {
    TestServerOptions options;
    options.http.tls = files_.Options(auth);
    return options;
  }
  TlsClientOptions Verifying() const {
    TlsClientOptions options;
    options.ca = authority_.Certificate();
    return options;
  }
  TlsClientOptions WithCertificate(const support::IssuedCertificate& certificate) const {
    TlsClientOptions options = Verifying();
    options.certificate = certificate;
    return options;
  }
  static void ExpectServed(TlsClient& client, int events = 1) {
    for (int i = 0; i < events; ++i) {
      const auto reply = client.Ask(PostEvents(EventNumber(i)));
      ASSERT_TRUE(reply) << client.Fault();
      EXPECT_EQ(reply->status, 202);
    }
  }
  template <typename Server>
  static uint64_t Failed(const Server& server, std::string_view reason) {
    const auto counts = server.Counts();
    const auto found = counts.failed_handshakes.find(std::string(reason));
    return found == counts.failed_handshakes.end() ? 0 : found->second;
  }

  support::CertificateAuthority authority_;
  TlsFiles files_{authority_, {.name = "server", .alternatives = "DNS:localhost"}};
};

TEST_F(ServerTls, BothVersionsServeRequestsWithAuthenticatedCiphers) {
  TestServer server(Options());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClientOptions options = Verifying();
    options.version_min = options.version_max = version;
    TlsClient client(server.Port(), options);
    ExpectServed(client, 3);
    EXPECT_EQ(client.Version(), version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
    EXPECT_EQ(client.Cipher(),
              version == TLS1_2_VERSION ? "ECDHE-ECDSA-AES128-GCM-SHA256" : "TLS_AES_128_GCM_SHA256");
  }
  EXPECT_EQ(server.Counts().full_handshakes, 2U);
}

TEST_F(ServerTls, OldVersionsAndWeakCiphersAreRefused) {
  TestServer server(Options());
  TlsClientOptions old;
  old.version_min = TLS1_VERSION;
  old.version_max = TLS1_1_VERSION;
  old.ciphers_12 = "ALL:@SECLEVEL=0";
  EXPECT_FALSE(TlsClient(server.Port(), old).Handshake());
  for (const char* const cipher :
       {"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "AES128-SHA", "ECDHE-ECDSA-AES256-CCM8"}) {
    TlsClientOptions weak;
    weak.version_max = TLS1_2_VERSION;
    weak.ciphers_12 = cipher;
    EXPECT_FALSE(TlsClient(server.Port(), weak).Handshake()) << cipher;
  }
  EXPECT_TRUE(Eventually([&] { return Failed(server, "version") == 1 && Failed(server, "cipher") == 4; }));
  EXPECT_TRUE(server.NoConnectionIsLeft());
  EXPECT_TRUE(server.NoBytesAreHeld());
}

TEST_F(ServerTls, AClientThatPrefersChaCha20GetsIt) {
  TestServer server(Options());
  TlsClientOptions options;
  options.version_max = TLS1_2_VERSION;
  options.ciphers_12 = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384";
  TlsClient client(server.Port(), options);
  ASSERT_TRUE(client.Handshake());
  EXPECT_EQ(client.Cipher(), "ECDHE-ECDSA-CHACHA20-POLY1305");
}

TEST_F(ServerTls, ProtocolsAreNegotiated) {
  TestServer server(Options());
  TlsClientOptions options;
  options.alpn = {"h2", "http/1.1"};
  TlsClient both(server.Port(), options);
  ExpectServed(both);
  EXPECT_EQ(both.Protocol(), "http/1.1");
  TlsClient none(server.Port());
  ExpectServed(none);
  EXPECT_EQ(none.Protocol(), "");
  options.alpn = {"h2"};
  TlsClient other(server.Port(), options);
  EXPECT_FALSE(other.Handshake());
  EXPECT_EQ(other.Fault(), SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
  EXPECT_TRUE(Eventually([&] { return Failed(server, "protocol") == 1; }));
}

TEST_F(ServerTls, SessionsAreResumedOnEveryLoop) {
  TestServerOptions with_loops = Options();
  with_loops.http.threads = 3;
  TestServer server(with_loops);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClientOptions options;
    options.version_min = options.version_max = version;
    TlsClient first(server.Port(), options);
    ExpectServed(first);
    const auto session = first.Session();
    options.session = session.get();
    for (int i = 0; i < 12; ++i) {
      TlsClient again(server.Port(), options);
      ExpectServed(again);
      EXPECT_TRUE(again.Resumed());
    }
  }
  EXPECT_EQ(server.Counts().full_handshakes, 2U);
  EXPECT_EQ(server.Counts().resumed_handshakes, 24U);
}

TEST_F(ServerTls, PlainHttpIsAnsweredInPlainHttp) {
  TestServer server(Options());
  for (const std::string& request : {Get("/livez"), PostEvents(EventNumber(1))}) {
    HttpClient client = server.Connect();
    const auto reply = client.Ask(request);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 400);
    EXPECT_EQ(json::parse(reply->body)["code"], "plain_http_on_tls_port");
    EXPECT_TRUE(reply->SaysClose());
    EXPECT_TRUE(client.Ended());
    EXPECT_FALSE(client.WasReset());
  }
  EXPECT_EQ(server.Counts().rejected_requests.at("plain_http_on_tls_port"), 2U);
  EXPECT_EQ(Failed(server, "plain_http"), 2U);
}

TEST_F(ServerTls, OtherBytesGetAnAlert) {
  TestServer server(Options());
  HttpClient client = server.Connect();
  ASSERT_TRUE(client.Send(std::string(100, '\0')));
  EXPECT_EQ(client.ReceiveToEnd(), std::string("\x15\x03\x01\x00\x02\x02\x50", 7));
  EXPECT_EQ(Failed(server, "not_tls"), 1U);
  HttpClient broken = server.Connect();
  ASSERT_TRUE(broken.Send(std::string("\x16\x03\x01\x00\x20", 5) + std::string(32, 'x')));
  EXPECT_FALSE(broken.ReceiveToEnd().empty());
  EXPECT_EQ(Failed(server, "malformed"), 1U);
  EXPECT_TRUE(server.NoBytesAreHeld());
}

TEST_F(ServerTls, PipelinedRequestsInRecordsOfAnySizeAreAnsweredInOrder) {
  TestServer server(Options());
  for (const bool compact : {false, true}) {
    TlsClientOptions options;
    options.compact = compact;
    TlsClient client(server.Port(), options);
    std::string requests;
    constexpr int kRequests = 300;
    for (int i = 0; i < kRequests; ++i) requests += PostEvents(EventNumber(i));
    ASSERT_TRUE(client.Send(requests));
    for (int i = 0; i < kRequests; ++i) {
      const auto reply = client.Receive();
      ASSERT_TRUE(reply) << i;
      EXPECT_EQ(reply->status, 202);
      EXPECT_EQ(json::parse(reply->body)["id"], "e" + std::to_string(i));
    }
  }
}

TEST_F(ServerTls, ALargeBodyIsRead) {
  TestServer server(Options());
  TlsClient client(server.Port());
  const std::string event = R"({"type":"t","payload":")" + std::string(900'000, 'x') + "\"}";
  for (const std::string headers : {"", "Expect: 100-continue\r\n"}) {
    ASSERT_TRUE(client.Send(PostEvents("[" + event + "," + event + "]", headers)));
    const auto reply = client.Receive();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 202) << reply->body;
  }
  EXPECT_TRUE(server.NoBytesAreHeld());
}

TEST_F(ServerTls, ALargeReplyIsWrittenInParts) {
  constexpr size_t kLargeReply = 24 << 20;
  TestServerOptions options = Options();
  options.metrics = [](bool) {
    std::string text(kLargeReply, 'm');
    for (size_t i = 0; i < text.size(); i += 4096) text[i] = static_cast<char>('a' + i / 4096 % 26);
    return text;
  };
  TestServer server(options);
  TlsClient client(server.Port(), {}, 1, 4096);
  ASSERT_TRUE(client.Send(Get("/metrics") + Get("/livez")));
  ASSERT_TRUE(Eventually([&] { return server.Http().InflightBytes() >= kLargeReply / 2; }));
  const auto reply = client.Receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->body, options.metrics(false));
  const auto next = client.Receive();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->status, 200);
  EXPECT_TRUE(server.NoBytesAreHeld());
}

TEST_F(ServerTls, TheEndIsAnnouncedWithCloseNotify) {
  TestServer server(Options());
  TlsClient asked(server.Port());
  ASSERT_TRUE(asked.Ask(Get("/livez", "Connection: close\r\n")));
  EXPECT_TRUE(asked.EndedInOrder());
  TlsClient refused(server.Port());
  const auto reply = refused.Ask("POST /events HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999\r\n\r\n");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 413);
  refused.Send(std::string(200'000, 'x'));  // discarded, without a reset
  EXPECT_TRUE(refused.EndedInOrder());
}

TEST_F(ServerTls, AClientThatVanishesLeavesNothing) {
  TestServer server(Options());
  for (const std::string_view sent :
       {"", "POST /ev", "POST /events HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n"}) {
    TlsClient client(server.Port());
    ASSERT_TRUE(client.Handshake());
    client.Send(sent);
    client.CloseWithoutNotify();
  }
  HttpClient half = server.Connect();
  half.Send("\x16\x03\x01");
  half.Close();
  {
    HttpClient silent = server.Connect();
  }
  EXPECT_TRUE(server.NoConnectionIsLeft());
  EXPECT_TRUE(server.NoBytesAreHeld());
  EXPECT_TRUE(Eventually([&] { return Failed(server, "closed") == 1; }));
}

TEST_F(ServerTls, ARequestBehindWhichTheClientClosesIsAnswered) {
  TestServerOptions options = Options();
  options.ingest.ack = AckLevel::kBroker;
  TestServer server(options);
  TlsClient client(server.Port());
  ASSERT_TRUE(client.Send(PostEvents(EventNumber(1))));
  SSL_shutdown(client.Ssl());
  ASSERT_TRUE(Eventually([&] { return server.Http().WaitingRequests() == 1; }));
  client.WaitQuietly(400ms);  // a long wait reads, and finds the end
  server.Settle({{0, {"", "events", 0, 0}}});
  const auto reply = client.Receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
}

TEST_F(ServerTls, AClientCertificateIsOptionalRequiredOrNotAskedFor) {
  const auto known = authority_.Issue({.name = "client", .alternatives = "URI:spiffe://example.org/client"});
  const support::CertificateAuthority other("other CA");
  const auto unknown = other.Issue({.name = "client"});
  const auto expired = authority_.Issue({.name = "client", .valid_from = -48h, .valid_for = -24h});
  struct Case {
    ClientAuth auth;
    const char* what;
    const support::IssuedCertificate* certificate;
    std::string_view fault;  // empty: served
  };
  const Case cases[] = {{ClientAuth::kOff, "none", nullptr, ""},
                        {ClientAuth::kOff, "unknown", &unknown, ""},
                        {ClientAuth::kOptional, "none", nullptr, ""},
                        {ClientAuth::kOptional, "known", &known, ""},
                        {ClientAuth::kOptional, "unknown", &unknown, "bad_certificate"},
                        {ClientAuth::kOptional, "expired", &expired, "bad_certificate"},
                        {ClientAuth::kRequired, "none", nullptr, "no_certificate"},
                        {ClientAuth::kRequired, "known", &known, ""},
                        {ClientAuth::kRequired, "unknown", &unknown, "bad_certificate"}};
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const Case& one : cases) {
      SCOPED_TRACE(std::string(one.what) + std::to_string(static_cast<int>(one.auth)));
      TestServer server(Options(one.auth));
      TlsClientOptions options = Verifying();
      options.version_min = options.version_max = version;
      if (one.certificate != nullptr) options.certificate = *one.certificate;
      TlsClient client(server.Port(), options);
      const auto reply = client.Ask(PostEvents(EventNumber(1)));
      EXPECT_EQ(reply.has_value(), one.fault.empty()) << client.Fault();
      if (!one.fault.empty()) {
        EXPECT_TRUE(Eventually([&] { return Failed(server, one.fault) == 1; }));
      }
    }
  }
}

TEST_F(ServerTls, TheAdminPortRequiresNoCertificate) {
  TestServerOptions options = Options(ClientAuth::kRequired);
  options.http.admin_port = 0;
  TestServer server(options);
  TlsClient probe(*server.Http().AdminPort(), Verifying());
  const auto reply = probe.Ask(Get("/livez"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
  TlsClient events(server.Port(), Verifying());
  EXPECT_FALSE(events.Ask(PostEvents(EventNumber(1))));
}

TEST_F(ServerTls, AServerWithUnusableFilesDoesNotStart) {
  TestServer server;
  HttpOptions options;
  options.port = 0;
  options.tls = files_.Options();
  options.tls.key_file = files_.Path("ca.crt");
  const auto started = server.TryStart(options);
  ASSERT_FALSE(started);
  EXPECT_TRUE(started.error().message.starts_with("http.tls.key_file: ")) << started.error().message;
}

TEST_F(ServerTls, ConnectionsBeyondTheLimitGetAnAlert) {
  TestServerOptions options = Options();
  options.http.connections_max = 2;
  TestServer server(options);
  TlsClient first(server.Port());
  TlsClient second(server.Port());
  ExpectServed(first);
  ExpectServed(second);
  TlsClient third(server.Port());
  EXPECT_FALSE(third.Handshake());
  EXPECT_EQ(third.Fault(), SSL_R_TLSV1_ALERT_INTERNAL_ERROR);
  EXPECT_EQ(server.Counts().rejected_requests.at("overloaded"), 1U);
}

// Each handshake in progress holds memory, which is bounded with that of requests.
TEST_F(ServerTls, HandshakesWithoutMemoryGetAnAlert) {
  TestServerOptions options = Options();
  options.http.inflight_bytes_max = 2 * Transport::kHandshakeBytes;
  TestServer server(options);
  std::vector<HttpClient> stalled;
  for (int i = 0; i < 3; ++i) {
    stalled.push_back(server.Connect());
    ASSERT_TRUE(stalled.back().Send("\x16\x03\x01"));
    if (i < 2) {
      const size_t held = (static_cast<size_t>(i) + 1) * Transport::kHandshakeBytes;
      ASSERT_TRUE(Eventually([&] { return server.Http().InflightBytes() == held; }));
    }
  }
  EXPECT_EQ(stalled.back().ReceiveToEnd().size(), 7U);
  EXPECT_EQ(Failed(server, "no_memory"), 1U);
  stalled.clear();
  EXPECT_TRUE(server.NoBytesAreHeld());
  TlsClient client(server.Port());
  ExpectServed(client);
}

TEST_F(ServerTls, TheLastEighthOfTheMemoryForHandshakesIsForOtherPeers) {
  ClientShares::Options limits;
  limits.capacities[static_cast<size_t>(Shared::kReadBytes)] = 16 * Transport::kHandshakeBytes;
  ClientShares shares(limits);
  TestServerOptions options = Options();
  options.http.inflight_bytes_max = 16 * Transport::kHandshakeBytes;
  options.shares = &shares;
  TestServer server(options);
  std::vector<HttpClient> stalled;
  for (int i = 0; i < 20; ++i) {
    stalled.push_back(server.ConnectFrom(3));
    ASSERT_TRUE(stalled.back().Send("\x16\x03\x01"));
  }
  ASSERT_TRUE(Eventually([&] { return Failed(server, "no_memory") == 6; }));
  EXPECT_EQ(server.Http().InflightBytes(), 14 * Transport::kHandshakeBytes);
  TlsClient other(server.Port());
  ExpectServed(other);
}

TEST_F(ServerTls, APartOfARecordIsChargedWhileItIsHeld) {
  TestServer server(Options());
  TlsClient client(server.Port());
  ExpectServed(client);
  ASSERT_TRUE(server.NoBytesAreHeld());
  ASSERT_EQ(::send(client.Socket(), "\x17\x03\x03\x10\x00xyz", 8, 0), 8);
  EXPECT_TRUE(Eventually([&] { return server.Http().InflightBytes() == Transport::kRecordBytes; }));
}

class TimedServerTls : public ServerTls {
 protected:
  TimedServer server_{Options()};
};

TEST_F(TimedServerTls, ASlowHandshakeEnds) {
  HttpClient client = server_.Connect();
  ASSERT_TRUE(client.Send("\x16\x03\x01"));
  ASSERT_TRUE(Eventually([&] { return server_.Http().InflightBytes() > 0; }));
  server_.Clock().Advance(9s);
  EXPECT_TRUE(client.StaysQuiet(300ms));
  ASSERT_TRUE(client.Send(std::string("\x02\x00", 2)));  // more bytes give no more time
  server_.Clock().Advance(2s);
  EXPECT_TRUE(client.Ended());
  EXPECT_EQ(Failed(server_, "timed_out"), 1U);
  EXPECT_TRUE(server_.NoBytesAreHeld());
}

TEST_F(TimedServerTls, AConnectionThatNeverSendsIsClosedAndIsNoFailedHandshake) {
  HttpClient client = server_.Connect();
  ASSERT_TRUE(Eventually([&] { return server_.Http().Connections() == 1; }));
  for (int i = 0; i < 2; ++i) {
    server_.Clock().Advance(75s);
    client.StaysQuiet(300ms);
  }
  EXPECT_TRUE(client.Ended());
  EXPECT_TRUE(server_.Counts().failed_handshakes.empty());
}

TEST_F(TimedServerTls, ASlowHeaderAndASlowBodyAreReported) {
  for (const std::string_view begun :
       {"POST /ev",
        "POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"}) {
    TlsClient client(server_.Port());
    const auto first = client.Ask(Get("/livez") + std::string(begun));
    ASSERT_TRUE(first);
    server_.Clock().Advance(31s);
    const auto reply = client.Receive();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 408);
    EXPECT_TRUE(client.EndedInOrder());
  }
}

TEST_F(TimedServerTls, AnIdleConnectionIsClosedInOrder) {
  TlsClient client(server_.Port());
  ASSERT_TRUE(client.Ask(Get("/livez")));
  server_.Clock().Advance(76s);
  EXPECT_TRUE(client.EndedInOrder());
}

TEST_F(ServerTls, AStopAnswersRequestsAndClosesConnectionsInOrder) {
  TestServer server(Options());
  TlsClient idle(server.Port());
  ASSERT_TRUE(idle.Ask(Get("/livez")));
  TlsClient fresh(server.Port());
  ASSERT_TRUE(fresh.Handshake());
  HttpClient in_handshake = server.Connect();
  ASSERT_TRUE(in_handshake.Send("\x16\x03\x01"));
  ASSERT_TRUE(Eventually([&] { return server.Http().InflightBytes() > 0; }));
  server.Http().AnnounceClose();
  const auto reply = idle.Ask(Get("/livez"));
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->SaysClose());
  EXPECT_TRUE(idle.EndedInOrder());
  EXPECT_EQ(server.Http().Stop(std::chrono::steady_clock::now() + 10s), 0U);
  EXPECT_TRUE(fresh.EndedInOrder());
  EXPECT_TRUE(in_handshake.Ended());
}

}  // namespace
}  // namespace ei::http
