#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/adapters/http/test_server.h"

namespace ei::http {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kHalfPost =
    "POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"type\"";

TestServerOptions Options() {
  TestServerOptions options;
  options.http.request_timeout = 30s;
  options.http.idle_timeout = 75s;
  return options;
}

class ServerTimeouts : public testing::Test {
 protected:
  // Sends `begun` behind a complete request. The reply to that shows that the server has seen both.
  void Begin(HttpClient& client, std::string_view begun) {
    const auto reply = client.Ask(Get("/livez") + std::string(begun));
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->status, 200);
  }

  static void ExpectTimedOut(HttpClient& client, const std::string& code) {
    const auto reply = client.Receive();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 408);
    EXPECT_EQ(nlohmann::json::parse(reply->body)["code"], code);
    EXPECT_TRUE(reply->SaysClose());
    EXPECT_TRUE(client.Ended());
    EXPECT_FALSE(client.WasReset());
  }

  TimedServer server_{Options()};
};

TEST_F(ServerTimeouts, ASlowHeaderIsReported) {
  HttpClient client = server_.Connect();
  Begin(client, "POST /events HTTP/1.1\r\nHos");
  server_.Clock().Advance(9s);
  EXPECT_TRUE(client.StaysQuiet(300ms));
  ASSERT_TRUE(client.Send("t: t\r\nX: "));  // more bytes give no more time
  server_.Clock().Advance(2s);
  ExpectTimedOut(client, "header_timeout");
}

TEST_F(ServerTimeouts, ASlowBodyIsReported) {
  HttpClient client = server_.Connect();
  Begin(client, kHalfPost);
  server_.Clock().Advance(29s);
  EXPECT_TRUE(client.StaysQuiet(300ms));
  ASSERT_TRUE(client.Send(":"));
  server_.Clock().Advance(2s);
  ExpectTimedOut(client, "body_timeout");
  EXPECT_EQ(server_.Accepted(), 0U);
}

TEST_F(ServerTimeouts, TheTimeOfTheHeaderCountsForTheWholeRequest) {
  HttpClient client = server_.Connect();
  Begin(client, kHalfPost.substr(0, 30));
  server_.Clock().Advance(9s);
  ASSERT_TRUE(client.Send(kHalfPost.substr(30)));
  EXPECT_TRUE(client.StaysQuiet(300ms));
  server_.Clock().Advance(20s);
  EXPECT_TRUE(client.StaysQuiet(300ms));
  server_.Clock().Advance(2s);
  ExpectTimedOut(client, "body_timeout");
}

TEST_F(ServerTimeouts, ASlowChunkedBodyIsReported) {
  HttpClient client = server_.Connect();
  Begin(
      client,
      "POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\n{\"typ\r\n");
  server_.Clock().Advance(31s);
  ExpectTimedOut(client, "body_timeout");
}

TEST_F(ServerTimeouts, ABodyThatNeverComesAfterContinueIsReported) {
  HttpClient client = server_.Connect();
  const auto go_on = client.Ask(
      "POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
      "Content-Length: 10\r\n\r\n");
  ASSERT_TRUE(go_on);
  EXPECT_EQ(go_on->status, 100);
  server_.Clock().Advance(31s);
  ExpectTimedOut(client, "body_timeout");
}

TEST_F(ServerTimeouts, AnIdleConnectionIsClosedWithoutAWord) {
  HttpClient client = server_.Connect();
  Begin(client, "");
  server_.Clock().Advance(74s);
  EXPECT_TRUE(client.StaysQuiet(300ms));
  server_.Clock().Advance(2s);
  EXPECT_TRUE(client.Ended());
  EXPECT_FALSE(client.WasReset());
}

TEST_F(ServerTimeouts, AConnectionThatNeverSendsIsClosed) {
  HttpClient client = server_.Connect();
  ASSERT_TRUE(Eventually([&] { return server_.Http().Connections() == 1; }));
  // The idle time may start a moment after the connection is counted.
  for (int i = 0; i < 2; ++i) {
    server_.Clock().Advance(75s);
    client.StaysQuiet(300ms);
  }
  EXPECT_TRUE(client.Ended());
}

TEST_F(ServerTimeouts, EachRequestBeginsItsTimeAnew) {
  HttpClient client = server_.Connect();
  for (int i = 0; i < 5; ++i) {
    server_.Clock().Advance(70s);
    const auto reply = client.Ask(PostEvents(EventNumber(1)));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 202);
  }
}

// The rejection is the reply. The client would take a second one for the reply to the next request.
TEST_F(ServerTimeouts, ARefusedRequestWhoseBodyIsSlowHasOneAnswer) {
  HttpClient client = server_.Connect();
  const auto reply = client.Ask("POST /nothing HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nabc");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 404);
  server_.Clock().Advance(60s);
  EXPECT_EQ(client.ReceiveToEnd(), "");
  EXPECT_TRUE(client.Ended());
}

TEST_F(ServerTimeouts, AfterACloseTheServerWaitsOnlySoLongForTheClient) {
  HttpClient client = server_.Connect();
  const auto reply = client.Ask(Get("/livez", "Connection: close\r\n"));
  ASSERT_TRUE(reply);
  ASSERT_TRUE(client.Ended());  // and the client's side stays open
  server_.Clock().Advance(6s);
  EXPECT_TRUE(server_.NoConnectionIsLeft());
}

TEST(ServerRequestTimeout, AShortOneIsForTheHeaderToo) {
  TestServerOptions options = Options();
  options.http.request_timeout = 2s;
  TimedServer server(options);
  HttpClient client = server.Connect();
  const auto reply = client.Ask(Get("/livez") + std::string(kHalfPost.substr(0, 30)));
  ASSERT_TRUE(reply);
  server.Clock().Advance(3s);
  const auto late = client.Receive();
  ASSERT_TRUE(late);
  EXPECT_EQ(late->status, 408);
  EXPECT_EQ(nlohmann::json::parse(late->body)["code"], "header_timeout");
}

TEST(ServerWriteTimeout, AClientThatDoesNotTakeItsReplyIsDropped) {
  TestServerOptions options = Options();
  options.metrics = [](bool) { return std::string(16 << 20, 'm'); };
  TimedServer server(options);
  HttpClient client = server.Connect(/*buffer_bytes=*/4096);
  ASSERT_TRUE(client.Send(Get("/metrics")));
  ASSERT_TRUE(Eventually([&] { return server.Counts().requests == 1; }));
  // The write began before or after this advance.
  server.Clock().Advance(29s);
  EXPECT_FALSE(Eventually([&] { return server.Http().Connections() == 0; }, 300ms));
  server.Clock().Advance(31s);
  EXPECT_TRUE(server.NoConnectionIsLeft());
}

TEST(ServerWriteTimeout, ASlowReaderKeepsTheBodysTimeOfItsNextRequest) {
  TestServerOptions options = Options();
  options.metrics = [](bool) { return std::string(8 << 20, 'm'); };
  TimedServer server(options);
  HttpClient client = server.Connect(4096);
  ASSERT_TRUE(client.Send(Get("/metrics") + std::string(kHalfPost)));
  const auto reply = client.Receive();
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->body.size(), size_t{8} << 20);
  server.Clock().Advance(31s);
  const auto late = client.Receive();
  ASSERT_TRUE(late);
  EXPECT_EQ(late->status, 408);
}

}  // namespace
}  // namespace ei::http
