#include "adapters/tokens/https_client.h"

#include <gtest/gtest.h>

#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>

#include "adapters/tokens/url.h"

namespace ei::tokens {
namespace {

using boost::asio::ip::tcp;
using namespace std::chrono_literals;

// Accepts one connection, reads a request's header, writes these bytes and closes.
class OneReply {
 public:
  explicit OneReply(std::string reply, bool answers = true)
      : acceptor_(io_, {boost::asio::ip::make_address("127.0.0.1"), 0}), thread_([this, reply, answers] {
          boost::system::error_code ignored;
          tcp::socket socket(io_);
          acceptor_.accept(socket, ignored);
          boost::asio::streambuf buffer;
          boost::asio::read_until(socket, buffer, "\r\n\r\n", ignored);
          request_.assign(buffers_begin(buffer.data()), buffers_end(buffer.data()));
          if (answers) {
            boost::asio::write(socket, boost::asio::buffer(reply), ignored);
          } else {
            boost::asio::read_until(socket, buffer, "never", ignored);  // until the client gives up
          }
        }) {}
  ~OneReply() { thread_.join(); }

  std::string Url(const std::string& scheme = "http") const {
    return scheme + "://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/path?q=1";
  }
  std::string Request() {
    thread_.join();
    thread_ = std::thread([] {});
    return request_;
  }

 private:
  boost::asio::io_context io_;
  tcp::acceptor acceptor_;
  std::string request_;
  std::thread thread_;
};

base::Result<HttpReply> Get(const std::string& url, base::Duration timeout = 10s) {
  return HttpsClient({.ca_file = {}, .timeout = timeout})
      .Send({.method = "GET", .url = url, .headers = {{"X-A", "b"}}, .body = {}});
}

TEST(HttpsClient, SendsARequestAndReadsItsReply) {
  OneReply server("HTTP/1.1 401 No\r\nContent-Length: 4\r\n\r\nbody");
  const auto reply = Get(server.Url());
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 401);
  EXPECT_EQ(reply->body, "body");
  const std::string request = server.Request();
  EXPECT_TRUE(request.starts_with("GET /path?q=1 HTTP/1.1\r\nHost: 127.0.0.1:")) << request;
  EXPECT_NE(request.find("X-A: b\r\n"), std::string::npos);
}

TEST(HttpsClient, RepliesOfAnySizeOrShapeEndInBoundedMemoryAndTime) {
  const std::string large(200'000, 'x');
  for (const std::string& reply :
       {std::string(), std::string("nonsense\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + large,
        "HTTP/1.1 200 OK\r\nX: " + large + "\r\n\r\n",
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"), "HTTP/1.1 200 OK\r\n\r\n" + large}) {
    OneReply server(reply);
    const auto result = Get(server.Url());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, base::ErrorKind::kUnavailable);
  }
}

TEST(HttpsClient, ASilentServerIsGivenUp) {
  OneReply server("", /*answers=*/false);
  const auto result = Get(server.Url(), 100ms);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("in time"), std::string::npos);
}

TEST(HttpsClient, CancelEndsARequestUnderWayAndThoseThatFollow) {
  OneReply server("", /*answers=*/false);
  HttpsClient client({.ca_file = {}, .timeout = 30s});
  const HttpRequest request{.method = "GET", .url = server.Url(), .headers = {}, .body = {}};
  const auto began = std::chrono::steady_clock::now();
  std::thread other([&] { client.Cancel(); });
  EXPECT_FALSE(client.Send(request));
  other.join();
  EXPECT_FALSE(client.Send(request));
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
  Get(server.Url(), 1s);  // the server may still wait for a connection
}

TEST(HttpsClient, APeerWithoutTlsOrNoPeerIsUnavailable) {
  OneReply server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(Get(server.Url("https"), 300ms).error().kind, base::ErrorKind::kUnavailable);
  EXPECT_EQ(Get("http://127.0.0.1:1/").error().kind, base::ErrorKind::kUnavailable);
}

TEST(ParseUrl, TakesUrlsApart) {
  const auto url = ParseUrl("https://h.example:8443/a?b#c");
  ASSERT_TRUE(url);
  EXPECT_EQ(std::tuple(url->tls, url->host, url->port, url->target),
            std::tuple(true, std::string("h.example"), std::string("8443"), std::string("/a?b")));
  EXPECT_EQ(ParseUrl("http://[fd00::1]")->host, "fd00::1");
  EXPECT_EQ(ParseUrl("http://[fd00::1]")->port, "80");
  EXPECT_EQ(ParseUrl("https://h?x")->target, "/?x");
  for (const char* bad : {"", "h", "ftp://h", "https://", "https://:1", "https://h:", "https://h:1x",
                          "https://u@h", "https://h/ x", "https://h/\r\nX: y"}) {
    EXPECT_FALSE(ParseUrl(bad)) << bad;
  }
}

}  // namespace
}  // namespace ei::tokens
