#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/adapters/http/test_server.h"

namespace ei::http {
namespace {

using namespace std::chrono_literals;

std::string CodeOf(const ReplyMessage& reply) { return nlohmann::json::parse(reply.body).value("code", ""); }

std::string EventOfSize(size_t bytes) {
  std::string event = R"({"type":"t","p":")";
  event.append(bytes - event.size() - 2, 'x');
  return event + "\"}";
}

std::string ChunkedPost(std::string_view chunks) {
  return "POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
         std::string(chunks);
}

std::string Chunk(std::string_view bytes) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + std::string(bytes) + "\r\n";
}

TEST(ServerLimits, ConnectionsOverTheLimitAreRejectedAndClosed) {
  TestServerOptions options;
  options.http.connections_max = 3;
  TestServer server(options);
  std::vector<HttpClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(server.Connect());
    ASSERT_EQ(clients.back().Ask(Get("/livez")).value().status, 200);
  }
  for (int i = 0; i < 5; ++i) {
    HttpClient over = server.Connect();
    const auto reply = over.Ask(PostEvents(EventNumber(1)));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 503);
    EXPECT_EQ(CodeOf(*reply), "overloaded");
    EXPECT_EQ(reply->Header("retry-after"), "1");
    EXPECT_TRUE(reply->SaysClose());
    EXPECT_TRUE(over.Ended());
  }
  for (HttpClient& client : clients) EXPECT_EQ(client.Ask(Get("/livez")).value().status, 200);
  clients.pop_back();
  ASSERT_TRUE(Eventually([&] { return server.Http().Connections() == 2; }));
  HttpClient next = server.Connect();
  EXPECT_EQ(next.Ask(Get("/livez")).value().status, 200);
}

TEST(ServerLimits, ACrowdFarOverTheLimitDisturbsNoOtherClient) {
  TestServerOptions options;
  options.http.connections_max = 1;
  TestServer server(options);
  HttpClient served = server.Connect();
  ASSERT_EQ(served.Ask(Get("/livez")).value().status, 200);
  std::vector<HttpClient> crowd;
  for (int i = 0; i < 400; ++i) crowd.push_back(server.Connect());
  EXPECT_EQ(served.Ask(Get("/livez")).value().status, 200);
  int rejected = 0;
  for (HttpClient& client : crowd) {
    const auto reply = client.Receive();
    if (reply) {
      EXPECT_EQ(reply->status, 503);
      ++rejected;
    }
    EXPECT_TRUE(client.Ended());
  }
  EXPECT_GE(rejected, 200);
  crowd.clear();
  EXPECT_TRUE(Eventually([&] { return server.Http().Connections() == 1; }));
}

TEST(ServerLimits, ABodyOverTheLimitIsRefusedBeforeItIsSent) {
  TestServerOptions options;
  options.http.body_bytes_max = 1000;
  TestServer server(options);
  HttpClient client = server.Connect();
  const auto reply = client.Ask(
      "POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 1001\r\n\r\n");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 413);
  EXPECT_EQ(CodeOf(*reply), "body_too_large");
  EXPECT_NE(reply->body.find("1000"), std::string::npos) << reply->body;
  EXPECT_TRUE(client.Ended());
}

TEST(ServerLimits, BodiesOfExactlyTheLimitAreTaken) {
  TestServerOptions options;
  options.http.body_bytes_max = 100'000;
  TestServer server(options);
  HttpClient client = server.Connect();
  const std::string body = EventOfSize(100'000);
  EXPECT_EQ(client.Ask(PostEvents(body)).value().status, 202);
  EXPECT_EQ(client.Ask(ChunkedPost(Chunk(body) + "0\r\n\r\n")).value().status, 202);
  const auto over = client.Ask(ChunkedPost(Chunk(body) + Chunk(" ") + "0\r\n\r\n"));
  ASSERT_TRUE(over);
  EXPECT_EQ(over->status, 413);
  EXPECT_TRUE(client.Ended());
  EXPECT_FALSE(client.WasReset());
}

TEST(ServerLimits, HeadersOverTheLimitAreRefused) {
  TestServerOptions options;
  options.http.header_bytes_max = 2048;
  TestServer server(options);
  const auto request = [](size_t bytes) {
    std::string wire = "GET /livez HTTP/1.1\r\nHost: t\r\nX: ";
    wire.append(bytes - wire.size() - 4, 'x');
    return wire + "\r\n\r\n";
  };
  HttpClient client = server.Connect();
  EXPECT_EQ(client.Ask(request(2048)).value().status, 200);
  const auto reply = client.Ask(request(2049));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 431);
  EXPECT_EQ(CodeOf(*reply), "headers_too_large");
  EXPECT_NE(reply->body.find("2048"), std::string::npos);
  EXPECT_TRUE(client.Ended());
}

TEST(ServerLimits, ARefusedSmallBodyIsPassedOver) {
  TestServer server;
  HttpClient client = server.Connect();
  for (const size_t size : {1UL, 1000UL, 60'000UL}) {
    std::string wire =
        "POST /nothing HTTP/1.1\r\nHost: t\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
    wire.append(size, 'G');
    ASSERT_TRUE(client.Send(wire.substr(0, wire.size() / 2)));
    ASSERT_TRUE(client.Send(wire.substr(wire.size() / 2) + PostEvents(EventNumber(size))));
    const auto refused = client.Receive();
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 404);
    EXPECT_FALSE(refused->SaysClose());
    const auto next = client.Receive();
    ASSERT_TRUE(next);
    EXPECT_EQ(next->status, 202);
  }
}

// Most clients read the reply only after the body has been sent or its sending has failed.
TEST(ServerLimits, ARefusalReachesAClientThatGoesOnWriting) {
  TestServer server;
  for (const size_t size : {100'000UL, 800'000UL, 9'000'000UL}) {
    HttpClient client = server.Connect();
    client.Send("POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: text/plain\r\nContent-Length: " +
                std::to_string(size) + "\r\n\r\n");
    client.Send(std::string(size, 'x'));
    const auto reply = client.Receive();
    ASSERT_TRUE(reply) << size;
    EXPECT_EQ(reply->status, 415) << size;
    EXPECT_TRUE(reply->SaysClose());
    EXPECT_TRUE(client.Ended());
  }
}

// Each row is a way in which a request with a large body can end. None of its bytes may stay counted.
TEST(ServerLimits, InflightBytesComeBackWhateverBecomesOfTheRequest) {
  TestServerOptions options;
  options.http.body_bytes_max = 400'000;
  TestServer server(options);
  const std::string body = EventOfSize(300'000);
  const std::string post = PostEvents(body);
  const std::string half = post.substr(0, post.size() / 2);
  const auto held = [&] { return Eventually([&] { return server.Http().InflightBytes() >= 100'000; }); };
  const std::string chunk = Chunk(body.substr(0, 200'000));

  struct Case {
    std::string what;
    std::string begin;
    std::function<void(HttpClient&)> end;
  };
  for (const Case& one : std::initializer_list<Case>{
           {"the client dies", half, [](HttpClient& client) { client.Abort(); }},
           {"the client closes", half, [](HttpClient& client) { client.Close(); }},
           {"the client closes its side", half, [](HttpClient& client) { client.CloseWrite(); }},
           {"the client dies between chunks", ChunkedPost(chunk), [](HttpClient& client) { client.Abort(); }},
           {"the request is answered", half,
            [&](HttpClient& client) {
              EXPECT_EQ(client.Ask(post.substr(half.size())).value().status, 202);
              EXPECT_TRUE(server.NoBytesAreHeld()) << "while the connection is idle";
            }},
           {"the chunked request is answered", ChunkedPost(chunk),
            [&](HttpClient& client) {
              EXPECT_EQ(client.Ask(Chunk(body.substr(200'000)) + "0\r\n\r\n").value().status, 202);
              EXPECT_TRUE(server.NoBytesAreHeld()) << "while the connection is idle";
            }},
           {"the request is answered and the connection closed", ChunkedPost(chunk),
            [&](HttpClient& client) {
              EXPECT_EQ(client.Ask("nonsense\r\n").value().status, 400);
              EXPECT_TRUE(server.NoBytesAreHeld()) << "while the connection lingers";
            }},
           {"the body grows too large", ChunkedPost(chunk),
            [&](HttpClient& client) {
              EXPECT_EQ(client.Ask("40000\r\n").value().status, 413);
              EXPECT_TRUE(server.NoBytesAreHeld()) << "while the connection lingers";
            }},
       }) {
    HttpClient client = server.Connect();
    ASSERT_TRUE(client.Send(one.begin));
    ASSERT_TRUE(held()) << one.what;
    one.end(client);
    EXPECT_TRUE(server.NoBytesAreHeld()) << one.what << ": " << server.Http().InflightBytes();
    client.Close();
    EXPECT_TRUE(server.NoConnectionIsLeft()) << one.what;
  }
}

TEST(ServerLimits, InflightBytesComeBackAfterATimeOut) {
  TimedServer server;
  HttpClient client = server.Connect();
  const std::string post = PostEvents(EventOfSize(300'000));
  ASSERT_TRUE(client.Send(post.substr(0, 200'000)));
  ASSERT_TRUE(Eventually([&] { return server.Http().InflightBytes() >= 100'000; }));
  server.Clock().Advance(31s);
  EXPECT_EQ(client.Receive().value().status, 408);
  EXPECT_TRUE(server.NoBytesAreHeld());
}

TEST(ServerLimits, SmallChunkedBodiesOfIdleConnectionsHoldNothing) {
  TestServerOptions options;
  options.http.inflight_bytes_max = 1 << 20;
  TestServer server(options);
  std::vector<HttpClient> idle;
  for (int i = 0; i < 60; ++i) {
    idle.push_back(server.Connect());
    const auto reply = idle.back().Ask(ChunkedPost(Chunk(EventOfSize(30'000)) + "0\r\n\r\n"));
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->status, 202) << i;
    if (i % 8 == 7) {
      ASSERT_TRUE(server.NoBytesAreHeld());
    }
  }
}

TEST(ServerLimits, OverTheInflightBytesNewBodiesAreRefusedAndOthersGoOn) {
  TestServerOptions options;
  options.http.inflight_bytes_max = 300'000;
  TestServer server(options);
  const std::string post = PostEvents(EventOfSize(200'000));
  HttpClient first = server.Connect();
  ASSERT_TRUE(first.Send(post.substr(0, 150'000)));
  ASSERT_TRUE(Eventually([&] { return server.Http().InflightBytes() >= 190'000; }));
  for (const std::string& wire : {post, ChunkedPost(Chunk(EventOfSize(200'000)) + "0\r\n\r\n")}) {
    HttpClient second = server.Connect();
    second.Send(wire);
    const auto refused = second.Receive();
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 503);
    EXPECT_EQ(CodeOf(*refused), "overloaded");
    EXPECT_EQ(refused->Header("retry-after"), "1");
    EXPECT_TRUE(refused->SaysClose());
    EXPECT_TRUE(second.Ended());
  }
  HttpClient small = server.Connect();
  EXPECT_EQ(small.Ask(PostEvents(EventNumber(1))).value().status, 202);
  EXPECT_EQ(first.Ask(post.substr(150'000)).value().status, 202);
  EXPECT_TRUE(server.NoBytesAreHeld());
  EXPECT_EQ(server.Accepted(), 2U);
}

// A client that sends requests and never reads replies. The server stops reading too, so that it stores at
// most one round of replies.
TEST(ServerLimits, AClientThatNeverReadsIsNotReadFromWithoutEnd) {
  TestServer server;
  HttpClient client = server.Connect(/*buffer_bytes=*/8192);
  const std::string request = Get("/livez", "X: " + std::string(300, 'x') + "\r\n");
  std::string wire;
  while (wire.size() < (size_t{64} << 20)) wire += request;
  const size_t sent = client.SendSome(wire, 500ms);
  EXPECT_LT(sent, size_t{24} << 20);
  const uint64_t answered = server.Counts().requests;
  client.CloseWrite();
  for (uint64_t n = 0; n < answered; ++n) ASSERT_TRUE(client.Receive()) << n;
  uint64_t more = 0;
  while (client.Receive()) ++more;
  EXPECT_EQ(answered + more, sent / request.size());
}

}  // namespace
}  // namespace ei::http
