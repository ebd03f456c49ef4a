// The replies to events that are sent again, with an idempotency window.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/adapters/http/test_server.h"

namespace ei::http {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kListed = "Prefer: return=representation\r\n";

class ServerRepeats : public ::testing::Test {
 protected:
  TestServerOptions Options() {
    TestServerOptions options;
    options.ingest.has_wal = true;
    options.window = &window_;
    return options;
  }
  std::optional<ReplyMessage> Ask(AckLevel ack, std::string_view body, std::string_view headers = {}) {
    Send(ack, body, headers);
    return client_.Receive();
  }
  void Send(AckLevel ack, std::string_view body, std::string_view headers = {}) {
    std::string request = PostEvents(body, headers);
    request.replace(request.find("/events"), 7, "/events?ack=" + std::string(Name(ack)));
    ASSERT_TRUE(client_.Send(request));
  }
  void Settle(const std::vector<support::EventResult>& results) { server_.Settle(results); }
  static support::EventResult Delivered(uint64_t position) {
    return support::EventSettler::Delivered(position);
  }
  void AwaitWaiting(size_t requests) {
    ASSERT_TRUE(Eventually([&] { return server_.Http().WaitingRequests() == requests; }));
  }

  IdempotencyWindow window_{{.ids = {.events_max = 100, .request_events_max = 10'000}, .key = {1, 2}}};
  TestServer server_{Options()};
  HttpClient client_ = server_.Connect();
};

TEST_F(ServerRepeats, ARepeatLooksLikeTheFirst) {
  for (int i = 0; i < 3; ++i) {
    const auto reply = Ask(AckLevel::kMemory, EventNumber(1));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 202);
    EXPECT_EQ(reply->body, R"({"status":"accepted","id":"e1"})");
  }
  const auto batch = Ask(AckLevel::kMemory, "[" + EventNumber(1) + "," + EventNumber(2) + "]");
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->body, R"({"accepted":2,"rejected":0,"errors":[]})");
  EXPECT_EQ(server_.Accepted(), 2U);
  EXPECT_EQ(server_.Counts().deduplicated, 3U);
}

TEST_F(ServerRepeats, ARepresentationMarksRepeats) {
  const auto first = Ask(AckLevel::kMemory, EventNumber(1), kListed);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->body, R"({"status":"accepted","id":"e1"})");
  const auto again = Ask(AckLevel::kMemory, EventNumber(1), kListed);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->body, R"({"status":"accepted","id":"e1","duplicate":true})");
  EXPECT_EQ(again->Header("preference-applied"), "return=representation");
  const auto batch = Ask(AckLevel::kMemory,
                         "[" + EventNumber(2) + R"(,{"id":"bad"},)" + EventNumber(1) + "," + EventNumber(2) +
                             "," + EventNumber(3) + "]",
                         kListed);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->status, 207);
  const auto said = nlohmann::json::parse(batch->body);
  EXPECT_EQ(said["accepted"], 4);
  EXPECT_EQ(said["events"].dump(), R"([{"id":"e2","index":0},{"duplicate":true,"id":"e1","index":2},)"
                                   R"({"duplicate":true,"id":"e2","index":3},{"id":"e3","index":4}])");
}

TEST_F(ServerRepeats, AtLevelWalARepeatWaitsForTheCommitOfItsEvent) {
  ASSERT_TRUE(Ask(AckLevel::kMemory, EventNumber(1)));
  ASSERT_TRUE(Ask(AckLevel::kMemory, EventNumber(2)));
  Send(AckLevel::kWal, EventNumber(1));
  AwaitWaiting(1);
  EXPECT_TRUE(client_.StaysQuiet(100ms));
  server_.Journal().MoveDurableEnd(1);
  const auto reply = client_.Receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 202);
  EXPECT_EQ(reply->Header("event-ack"), "wal");
  const auto at_once = Ask(AckLevel::kWal, EventNumber(1));
  ASSERT_TRUE(at_once);
  EXPECT_EQ(at_once->status, 202);
}

TEST_F(ServerRepeats, AtLevelBrokerARepeatWaitsForTheDeliveryOfItsEvent) {
  ASSERT_TRUE(Ask(AckLevel::kMemory, EventNumber(1)));
  Send(AckLevel::kBroker, EventNumber(1), kListed);
  AwaitWaiting(1);
  EXPECT_TRUE(client_.StaysQuiet(100ms));
  Settle({Delivered(0)});
  for (int i = 0; i < 2; ++i) {
    const auto reply = i == 0 ? client_.Receive() : Ask(AckLevel::kBroker, EventNumber(1), kListed);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->Header("event-ack"), "broker");
    EXPECT_EQ(reply->body, R"({"status":"accepted","id":"e1","duplicate":true})");
  }
  AwaitWaiting(0);
}

TEST_F(ServerRepeats, AtLevelBrokerABatchReportsTheResultOfEach) {
  ASSERT_TRUE(
      Ask(AckLevel::kMemory, "[" + EventNumber(1) + "," + EventNumber(2) + "," + EventNumber(3) + "]"));
  Settle({Delivered(0)});
  Send(AckLevel::kBroker,
       "[" + EventNumber(3) + "," + EventNumber(4) + "," + EventNumber(1) + "," + EventNumber(4) + "," +
           EventNumber(2) + "," + EventNumber(5) + "]",
       kListed);
  AwaitWaiting(1);
  Settle({Delivered(3), Delivered(4), support::EventSettler::DeadLettered(2), Delivered(1)});
  const auto reply = client_.Receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 207);
  const auto said = nlohmann::json::parse(reply->body);
  EXPECT_EQ(said["accepted"], 5);
  EXPECT_EQ(said["rejected"], 1);
  EXPECT_EQ(said["errors"][0]["index"], 0);
  EXPECT_EQ(said["errors"][0]["code"], "message_too_large");
  EXPECT_EQ(said["events"].dump(),
            R"([{"id":"e4","index":1,"offset":103,"partition":3,"topic":"events"},)"
            R"({"duplicate":true,"id":"e1","index":2},{"duplicate":true,"id":"e4","index":3},)"
            R"({"duplicate":true,"id":"e2","index":4},)"
            R"({"id":"e5","index":5,"offset":104,"partition":3,"topic":"events"}])");
  const auto another_try = Ask(AckLevel::kMemory, EventNumber(3), kListed);
  ASSERT_TRUE(another_try);
  EXPECT_EQ(another_try->body, R"({"status":"accepted","id":"e3"})")
      << "a dead letter was not delivered, so it is not a repeat";
}

TEST_F(ServerRepeats, ABatchOfDeliveredEventsIsAnsweredAtOnce) {
  ASSERT_TRUE(Ask(AckLevel::kMemory, "[" + EventNumber(1) + "," + EventNumber(2) + "]"));
  Settle({Delivered(0), Delivered(1)});
  const auto reply = Ask(AckLevel::kBroker, "[" + EventNumber(2) + "," + EventNumber(1) + "]");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, R"({"accepted":2,"rejected":0,"errors":[]})");
}

TEST_F(ServerRepeats, AClientThatGoesTakesItsWaitAlong) {
  ASSERT_TRUE(Ask(AckLevel::kMemory, EventNumber(1)));
  Send(AckLevel::kBroker, EventNumber(1));
  AwaitWaiting(1);
  client_.Abort();
  AwaitWaiting(0);
  Settle({Delivered(0)});
}

}  // namespace
}  // namespace ei::http
