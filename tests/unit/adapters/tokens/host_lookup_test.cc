#include "adapters/tokens/host_lookup.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <thread>

namespace ei::tokens {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;

base::SteadyTime In(base::Duration time) { return std::chrono::steady_clock::now() + time; }

// A name server that answers 192.0.2.1 once it is let, and hangs until then.
struct HangingServer {
  std::latch answers{1};
  std::atomic<int> asked{0};
};

HostLookup LookupOf(const std::shared_ptr<HangingServer>& server) {
  return HostLookup([server](const std::string&, const std::string&) -> base::Result<HostLookup::Endpoints> {
    ++server->asked;
    server->answers.wait();
    return HostLookup::Endpoints{{make_address("192.0.2.1"), 443}};
  });
}

TEST(HostLookup, AServerThatHangsCostsTheTimeGivenAndNoThreadForEachTry) {
  const auto server = std::make_shared<HangingServer>();
  HostLookup lookup = LookupOf(server);
  for (int i = 0; i < 3; ++i) {
    const auto found = lookup.Find("h.example", "443", In(10ms));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().kind, base::ErrorKind::kUnavailable);
    EXPECT_NE(found.error().message.find("in time"), std::string::npos) << found.error().message;
  }
  const auto other = lookup.Find("other.example", "443", In(30s));
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("h.example"), std::string::npos) << other.error().message;
  EXPECT_LE(server->asked, 1);
  server->answers.count_down();
  EXPECT_TRUE(lookup.Find("h.example", "443", In(30s)));  // the late answer, or a new one
  EXPECT_TRUE(lookup.Find("other.example", "443", In(30s)));
}

TEST(HostLookup, CancelEndsALookupUnderWayAndThoseThatFollow) {
  const auto server = std::make_shared<HangingServer>();
  HostLookup lookup = LookupOf(server);
  std::thread other([&] { lookup.Cancel(); });
  EXPECT_FALSE(lookup.Find("h.example", "443", In(30s)));
  other.join();
  EXPECT_FALSE(lookup.Find("h.example", "443", In(30s)));
  server->answers.count_down();
}

TEST(HostLookup, WhatComesAfterTheEndIsNoHarm) {
  const auto server = std::make_shared<HangingServer>();
  {
    HostLookup lookup = LookupOf(server);
    EXPECT_FALSE(lookup.Find("h.example", "443", In(1ms)));
  }
  server->answers.count_down();
}

TEST(HostLookup, AddressesAreNotLookedUp) {
  const auto server = std::make_shared<HangingServer>();
  HostLookup lookup = LookupOf(server);
  EXPECT_EQ(lookup.Find("127.0.0.1", "80", In(0s))->front().address(), make_address("127.0.0.1"));
  EXPECT_EQ(lookup.Find("fd00::1", "80", In(0s))->front().port(), 80);
  EXPECT_EQ(server->asked, 0);
  server->answers.count_down();
}

TEST(HostLookup, TheSystemKnowsThisMachineAndNoNonsense) {
  HostLookup lookup;
  const auto found = lookup.Find("localhost", "8080", In(30s));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found->front().address().is_loopback());
  EXPECT_EQ(found->front().port(), 8080);
  EXPECT_FALSE(lookup.Find("no such host", "80", In(30s)));
}

}  // namespace
}  // namespace ei::tokens
