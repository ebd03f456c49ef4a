// Certificates are replaced while clients send.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "unit/adapters/http/test_server.h"
#include "unit/adapters/http/tls_client.h"
#include "unit/adapters/http/tls_files.h"

namespace ei::http {
namespace {

TEST(ServerTlsRotation, AHundredReplacementsUnderLoadFailNoRequest) {
  const support::CertificateAuthority authority;
  TlsFiles files(authority);
  TestServerOptions options;
  options.http.tls = files.Options();
  options.http.tls.poll_interval = std::chrono::milliseconds(2);
  options.http.threads = 2;
  TestServer server(options);
  TlsClientOptions verifying;
  verifying.ca = authority.Certificate();

  std::atomic<bool> stop = false;
  std::atomic<uint64_t> answered = 0;
  std::atomic<uint64_t> failed = 0;
  const auto ask = [&](TlsClient& client) {
    const auto reply = client.Ask(PostEvents(EventNumber(answered)));
    ++(reply && reply->status == 202 ? answered : failed);
  };
  TlsClient kept(server.Port(), verifying);
  ASSERT_TRUE(kept.Handshake());  // with the first certificate
  std::vector<std::jthread> clients;
  clients.emplace_back([&] {
    while (!stop) ask(kept);
  });
  clients.emplace_back([&] {
    while (!stop) {
      TlsClient fresh(server.Port(), verifying);
      ask(fresh);
    }
  });
  const auto newest = [&] {
    TlsClient client(server.Port(), verifying);
    return client.Handshake() ? client.PeerName() : "";
  };
  for (int i = 0; i < 100; ++i) {
    const std::string name = "version" + std::to_string(i);
    files.Replace({.name = name});
    ASSERT_TRUE(Eventually([&] { return newest() == name; })) << name;
  }
  stop = true;
  clients.clear();
  EXPECT_EQ(kept.PeerName(), "server");
  EXPECT_EQ(failed, 0U);
  EXPECT_GT(answered, 100U);
  EXPECT_EQ(server.Http().Tls()->FailedReloads(), 0U);
}

}  // namespace
}  // namespace ei::http
