#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "support/random.h"
#include "unit/adapters/http/test_server.h"

namespace ei::http {
namespace {

size_t OpenDescriptors() {
  const auto entries = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(entries), end(entries)));
}

size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t size = 0;
  size_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

TEST(ServerLoad, AHundredThousandRequestsOverManyConnectionsAreAllAnsweredInOrder) {
  constexpr uint64_t kThreads = 4;
  constexpr uint64_t kConnections = 64;
  constexpr uint64_t kPerConnection = 100'000 / kConnections + 1;
  constexpr uint64_t kDepth = 16;
  TestServerOptions options;
  options.http.threads = 4;
  TestServer server(options);
  std::atomic<uint64_t> answered = 0;
  std::atomic<uint64_t> wrong = 0;
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::vector<HttpClient> clients;
      for (uint64_t c = 0; c < kConnections / kThreads; ++c) clients.push_back(server.Connect());
      for (uint64_t sent = 0; sent < kPerConnection; sent += kDepth) {
        const uint64_t count = std::min(kDepth, kPerConnection - sent);
        for (uint64_t c = 0; c < clients.size(); ++c) {
          std::string wire;
          for (uint64_t n = 0; n < count; ++n)
            wire += PostEvents(EventNumber((t << 40) + (c << 32) + sent + n));
          clients[c].Send(wire);
        }
        for (uint64_t c = 0; c < clients.size(); ++c) {
          for (uint64_t n = 0; n < count; ++n) {
            const auto reply = clients[c].Receive();
            if (!reply) return;
            ++answered;
            const std::string id = "\"e" + std::to_string((t << 40) + (c << 32) + sent + n) + "\"";
            if (reply->status != 202 || reply->body.find(id) == std::string::npos) ++wrong;
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, kConnections * kPerConnection);
  EXPECT_EQ(wrong, 0U);
  EXPECT_EQ(server.Accepted(), kConnections * kPerConnection);
  EXPECT_TRUE(server.NoConnectionIsLeft());
  EXPECT_TRUE(server.NoBytesAreHeld());
  EXPECT_EQ(server.Counts().requests, kConnections * kPerConnection);
}

// Bytes that are a request, almost one, or none. After any of them the server must answer the next client.
TEST(ServerLoad, DamagedRequestsLeaveNothingBehind) {
  support::Random random(support::SeedOr(3));
  TestServerOptions options;
  options.http.threads = 2;
  TestServer server(options);
  const size_t descriptors = OpenDescriptors();
  const std::string whole = PostEvents(EventNumber(1)) + Get("/livez") +
                            "POST /events HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n9\r\n{\"type\":\"\r\n3\r\nt\"}\r\n0\r\n\r\n" +
                            Get("/metrics", "Connection: close\r\n");
  for (int round = 0; round < 1500; ++round) {
    std::string wire = whole;
    for (uint64_t changes = random.Below(4); changes > 0; --changes) {
      const size_t at = random.Below(wire.size());
      switch (random.Below(4)) {
        case 0: wire[at] = static_cast<char>(random.Next()); break;
        case 1: wire.erase(at, random.Between(1, 20)); break;
        case 2: wire.insert(at, wire.substr(random.Below(wire.size()), 10)); break;
        default: wire.resize(at + 1); break;
      }
    }
    HttpClient client = server.Connect();
    ASSERT_TRUE(client.Connected());
    client.Send(wire);
    if (random.OneIn(3)) {
      client.Abort();
    } else {
      client.CloseWrite();
      client.ReceiveToEnd();
      EXPECT_TRUE(client.Ended());
    }
  }
  EXPECT_EQ(server.Connect().Ask(Get("/livez")).value().status, 200);
  EXPECT_TRUE(server.NoConnectionIsLeft());
  EXPECT_TRUE(server.NoBytesAreHeld());
  EXPECT_TRUE(Eventually([&] { return OpenDescriptors() <= descriptors; }))
      << OpenDescriptors() << " descriptors, " << descriptors << " before";
}

// The test allocates far more in total than may remain allocated, even if a sanitizer delays frees.
TEST(ServerLoad, MemoryDoesNotGrowWithConnectionsAndBodies) {
  TestServerOptions options;
  options.journal_events_max = 10;
  TestServer server(options);
  const std::string refused = PostEvents("[" + std::string(256 << 10, ' ') + "]");
  const auto round = [&](int connections) {
    for (int i = 0; i < connections; ++i) {
      HttpClient client = server.Connect();
      EXPECT_EQ(client.Ask(refused).value().status, 422);
    }
  };
  round(100);
  const size_t before = ResidentBytes();
  round(1500);
  const size_t after = ResidentBytes();
  EXPECT_LT(after, before + (size_t{320} << 20));
  EXPECT_TRUE(server.NoConnectionIsLeft());
}

}  // namespace
}  // namespace ei::http
