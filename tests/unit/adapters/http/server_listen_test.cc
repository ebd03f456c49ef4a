#include <gtest/gtest.h>

#include "unit/adapters/http/test_server.h"

namespace ei::http {
namespace {

// A listening socket of another program.
class Squatter {
 public:
  explicit Squatter(bool reuse_port) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = reuse_port ? 1 : 0;
    ::setsockopt(socket_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket_, 8), 0);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~Squatter() { ::close(socket_); }
  Squatter(const Squatter&) = delete;
  Squatter& operator=(const Squatter&) = delete;
  uint16_t Port() const { return port_; }

 private:
  int socket_;
  uint16_t port_ = 0;
};

TestServerOptions WithAdminPort() {
  TestServerOptions options;
  options.http.admin_port = 0;
  return options;
}

// The error of starting a second server; empty if it starts.
std::string WhyNot(const HttpOptions& options) {
  TestServer server;
  const auto started = server.TryStart(options);
  if (started) return {};
  EXPECT_EQ(started.error().kind, base::ErrorKind::kUnavailable);
  return started.error().message;
}

TEST(ServerListen, PortZeroFindsAFreeOneForAllLoops) {
  TestServerOptions options;
  options.http.threads = 3;
  TestServer server(options);
  EXPECT_GT(server.Port(), 0);
  EXPECT_FALSE(server.Http().AdminPort().has_value());
  for (int i = 0; i < 30; ++i) EXPECT_EQ(server.Connect().Ask(Get("/livez")).value().status, 200);
}

TEST(ServerListen, NothingIsAnsweredBeforeServe) {
  TestServerOptions options = WithAdminPort();
  options.serve = false;
  TestServer server(options);
  HttpClient early = server.Connect();
  HttpClient probe(*server.Http().AdminPort());
  ASSERT_TRUE(early.Send(PostEvents(EventNumber(1))));
  ASSERT_TRUE(probe.Send(Get("/metrics")));
  EXPECT_TRUE(probe.StaysQuiet(std::chrono::milliseconds(50)));
  EXPECT_EQ(server.Counts().received, 0U);
  server.Http().Serve();
  EXPECT_EQ(early.Receive().value().status, 202);
  EXPECT_EQ(probe.Receive().value().status, 200);
}

TEST(ServerListen, AServerThatNeverServedEnds) {
  TestServerOptions options = WithAdminPort();
  options.serve = false;
  TestServer server(options);
  HttpClient early = server.Connect();
  server.End();
  EXPECT_TRUE(early.Ended());
}

TEST(ServerListen, APortInUseIsNamedWithItsSetting) {
  for (const bool reuse_port : {false, true}) {
    const Squatter squatter(reuse_port);
    HttpOptions options;
    options.port = squatter.Port();
    const std::string why = WhyNot(options);
    EXPECT_TRUE(why.contains("http.port")) << why;
    EXPECT_TRUE(why.contains(std::to_string(squatter.Port()))) << why;
  }
}

TEST(ServerListen, ASecondServerDoesNotShareThePortUnnoticed) {
  TestServer server;
  HttpOptions options;
  options.port = server.Port();
  EXPECT_FALSE(server.TryStart(options));
  EXPECT_EQ(server.Connect().Ask(Get("/livez")).value().status, 200);
}

TEST(ServerListen, AnAddressThatIsNotOursIsNamed) {
  for (const auto address : {"203.0.113.1", "nonsense", ""}) {
    HttpOptions options;
    options.address = address;
    options.port = 0;
    const std::string why = WhyNot(options);
    EXPECT_TRUE(why.contains("http.address")) << address << ": " << why;
  }
}

TEST(ServerListen, AnAdminPortInUseIsNamedAndTheMainPortGivenBack) {
  const Squatter squatter(false);
  HttpOptions options;
  options.port = 0;
  options.admin_port = squatter.Port();
  const std::string why = WhyNot(options);
  EXPECT_TRUE(why.contains("admin.port")) << why;
}

TEST(ServerListen, TheAdminPortCannotBeTheMainPort) {
  const uint16_t free_port = [] { return Squatter(false).Port(); }();
  HttpOptions options;
  options.port = free_port;
  options.admin_port = free_port;
  const std::string why = WhyNot(options);
  EXPECT_TRUE(why.contains("admin.port")) << why;
}

TEST(ServerListen, TheSamePortCanBeTakenAgainAtOnce) {
  TestServer other;
  HttpOptions options;
  options.port = 0;
  auto first = other.TryStart(options);
  ASSERT_TRUE(first);
  (*first)->Serve();
  options.port = (*first)->Port();
  HttpClient client(options.port);
  ASSERT_EQ(client.Ask(Get("/livez", "Connection: close\r\n")).value().status, 200);
  first->reset();
  const auto second = other.TryStart(options);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ((*second)->Port(), options.port);
}

TEST(ServerListen, WithAnAdminPortTheRoutesAreApart) {
  TestServer server(WithAdminPort());
  ASSERT_TRUE(server.Http().AdminPort().has_value());
  ASSERT_NE(*server.Http().AdminPort(), server.Port());
  HttpClient main = server.Connect();
  HttpClient admin(*server.Http().AdminPort());
  EXPECT_EQ(main.Ask(PostEvents(EventNumber(1))).value().status, 202);
  EXPECT_EQ(admin.Ask(PostEvents(EventNumber(1))).value().status, 404);
  for (const auto target : {"/livez", "/health", "/readyz", "/metrics"}) {
    EXPECT_EQ(main.Ask(Get(target)).value().status, 404) << target;
    EXPECT_EQ(admin.Ask(Get(target)).value().status, 200) << target;
  }
  EXPECT_EQ(server.Accepted(), 1U);
}

TEST(ServerListen, ProbesOnTheAdminPortAreAnsweredWhenClientsHoldEveryConnection) {
  TestServerOptions options = WithAdminPort();
  options.http.connections_max = 2;
  TestServer server(options);
  HttpClient one = server.Connect();
  HttpClient two = server.Connect();
  ASSERT_EQ(one.Ask(PostEvents(EventNumber(1))).value().status, 202);
  ASSERT_EQ(two.Ask(PostEvents(EventNumber(2))).value().status, 202);
  ASSERT_EQ(server.Connect().Ask(PostEvents(EventNumber(3))).value().status, 503);
  EXPECT_EQ(HttpClient(*server.Http().AdminPort()).Ask(Get("/livez")).value().status, 200);
}

}  // namespace
}  // namespace ei::http
