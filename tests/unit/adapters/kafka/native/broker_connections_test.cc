#include "adapters/kafka/native/broker_connections.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kafka/native/sasl.h"
#include "unit/adapters/kafka/native/versions_answer.h"

namespace ei::kafka::native {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RecordingNetwork final : public Network {
 public:
  void Connect(uint64_t connection, const std::string& host, uint16_t) override {
    open.insert(connection);
    connects.push_back(host);
  }
  void Write(uint64_t connection, Outgoing) override { written.push_back(connection); }
  void Close(uint64_t connection) override { open.erase(connection); }

  std::set<uint64_t> open;
  std::vector<std::string> connects;  // hosts, in order
  std::vector<uint64_t> written;
};

class RecordingBrokers final : public BrokerListener {
 public:
  void OnBrokerFault(std::string_view code, const std::string& where, std::string_view) override {
    faults.push_back(std::string(code) + " " + where);
  }
  void OnContact(const std::string& where) override { contacts.push_back(where); }
  void OnRefused(const std::string& where, std::string_view) override { refused.push_back(where); }
  void OnProduced(const std::string&, base::Duration) override {}
  void OnPause(const std::string& where, base::Duration pause) override { pauses.emplace_back(where, pause); }

  std::vector<std::string> faults;
  std::vector<std::string> contacts;
  std::vector<std::string> refused;
  std::vector<std::pair<std::string, base::Duration>> pauses;
};

using Pauses = std::vector<std::pair<std::string, base::Duration>>;

class BrokerConnectionsTest : public ::testing::Test {
 protected:
  static BrokerConnections::Options WithBootstrap(size_t addresses) {
    BrokerConnections::Options options;
    for (size_t i = 0; i < addresses; ++i) options.bootstrap.push_back({"boot" + std::to_string(i), 9092});
    return options;
  }

  // The brokers 1 to `count`, at b1, b2, ...
  void Know(int32_t count) {
    static constexpr std::array<std::string_view, 3> kHosts = {"b1", "b2", "b3"};
    wire::MetadataResponse response;
    for (int32_t node = 1; node <= count; ++node) {
      response.brokers.push_back({node, kHosts.at(static_cast<size_t>(node) - 1), 9092});
    }
    ASSERT_TRUE(cluster_.Update(1, response));
    connections_.OnMetadata([](int32_t) { return false; });
  }
  void Advance(base::Duration time) { now_ += time; }
  Connection* Reach(int32_t node, bool slow = false) { return connections_.Reach(node, slow, now_); }
  // The network has connected, and the broker has answered.
  void MakeReady(Connection& connection) {
    connection.link.OnConnected(now_);
    while (!connection.link.Take().Empty()) connection.link.OnWritten();
    connection.link.OnBytes(Framed(0, VersionsBody(4, wire::ErrorCode::kNone)), now_,
                            [](const Link::Request&, std::string_view) {});
    ASSERT_TRUE(connection.link.Ready());
    connections_.Check(now_);
  }
  Connection& Ready(int32_t node, bool slow = false) {
    Connection* const connection = Reach(node, slow);
    MakeReady(*connection);
    return *connection;
  }
  void Fail(Connection& connection) {
    connection.link.OnClosed("reset");
    for (Connection* const ended : connections_.Check(now_)) connections_.End(*ended, now_);
  }

  ClusterView cluster_;
  MetadataRequest metadata_;
  RecordingNetwork network_;
  RecordingBrokers brokers_;
  std::mt19937_64 random_{1};
  base::SteadyTime now_{seconds(1'000)};
  BrokerConnections connections_{WithBootstrap(3), cluster_, metadata_, network_, brokers_, random_};
};

TEST_F(BrokerConnectionsTest, ABrokerHasOneConnectionOfEachKind) {
  Know(1);
  Connection* const main = Reach(1);
  Connection* const slow = Reach(1, true);
  ASSERT_NE(main, slow);
  EXPECT_EQ(Reach(1), main);
  EXPECT_EQ(Reach(1, true), slow);
  EXPECT_EQ(main->where, "b1:9092");
  EXPECT_EQ(network_.connects, (std::vector<std::string>{"b1", "b1"}));
  EXPECT_EQ(connections_.Find(main->number), main);
  EXPECT_EQ(connections_.Find(99), nullptr);
}

TEST_F(BrokerConnectionsTest, AnUnknownBrokerNeedsMetadata) {
  Know(1);
  metadata_.needed = false;
  metadata_.not_before = now_ + seconds(2);
  connections_.Check(now_);
  EXPECT_EQ(Reach(7), nullptr);
  EXPECT_TRUE(metadata_.needed);
  EXPECT_EQ(connections_.NextCheck(), now_ + seconds(2));
}

TEST_F(BrokerConnectionsTest, AFailedBrokerIsLeftAloneForAGrowingTime) {
  Know(1);
  base::Duration last{0};
  for (int failure = 1; failure <= 6; ++failure) {
    Connection* const connection = Reach(1);
    ASSERT_NE(connection, nullptr) << failure;
    metadata_.needed = false;
    Fail(*connection);
    EXPECT_TRUE(metadata_.needed);
    connections_.Check(now_);
    ASSERT_EQ(Reach(1), nullptr);
    const base::Duration wait = connections_.NextCheck() - now_;
    EXPECT_GT(wait, base::Duration(0));
    EXPECT_LE(wait, seconds(10));
    EXPECT_GT(wait * 4, last) << "with jitter";
    last = wait;
    Advance(wait);
  }
  EXPECT_EQ(brokers_.faults.size(), 6U);
  EXPECT_EQ(brokers_.faults[0], "connection_failed b1:9092");
  EXPECT_TRUE(network_.open.empty());
}

TEST_F(BrokerConnectionsTest, AnAcceptedConnectionEndsTheCountOfFailures) {
  Know(1);
  for (int i = 0; i < 5; ++i) {
    Fail(*Reach(1));
    Advance(seconds(10));
  }
  Connection& connection = Ready(1);
  EXPECT_EQ(brokers_.contacts, std::vector<std::string>{"b1:9092"});
  connection.link.OnProtocolError();
  for (Connection* const ended : connections_.Check(now_)) connections_.End(*ended, now_);
  EXPECT_EQ(brokers_.faults.back(), "not_kafka b1:9092");
  Advance(milliseconds(100));
  EXPECT_NE(Reach(1), nullptr) << "the first pause is short";
}

TEST_F(BrokerConnectionsTest, AnIdleConnectionIsClosedWithoutAFault) {
  Know(1);
  Ready(1);
  connections_.Write();
  EXPECT_EQ(connections_.NextCheck(), now_ + seconds(180));
  Advance(seconds(180));
  for (Connection* const ended : connections_.Check(now_)) {
    EXPECT_TRUE(connections_.End(*ended, now_).empty());
  }
  EXPECT_TRUE(network_.open.empty());
  EXPECT_TRUE(brokers_.faults.empty());
  EXPECT_NE(Reach(1), nullptr) << "at once";
}

TEST_F(BrokerConnectionsTest, WithoutMetadataTheBootstrapAddressesAreTriedOneByOne) {
  EXPECT_EQ(connections_.ReachAny(now_), nullptr);
  EXPECT_EQ(network_.connects.size(), 1U);
  connections_.Check(now_);
  EXPECT_EQ(connections_.ReachAny(now_), nullptr);
  EXPECT_EQ(network_.connects.size(), 1U) << "one at a time";
  EXPECT_EQ(connections_.NextCheck(), now_ + BrokerConnections::kConnectWait);
  Advance(BrokerConnections::kConnectWait);
  EXPECT_EQ(connections_.ReachAny(now_), nullptr);
  Advance(BrokerConnections::kConnectWait);
  EXPECT_EQ(connections_.ReachAny(now_), nullptr);
  Advance(BrokerConnections::kConnectWait);
  EXPECT_EQ(connections_.ReachAny(now_), nullptr);
  EXPECT_EQ(std::set<std::string>(network_.connects.begin(), network_.connects.end()).size(), 3U);
  EXPECT_EQ(network_.connects.size(), 3U);
}

TEST_F(BrokerConnectionsTest, WhichOfTheAddressesIsFirstIsRandom) {
  std::set<std::string> first;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 random(seed);
    RecordingNetwork network;
    BrokerConnections connections(WithBootstrap(3), cluster_, metadata_, network, brokers_, random);
    connections.ReachAny(now_);
    first.insert(network.connects.at(0));
  }
  EXPECT_EQ(first.size(), 3U);
}

TEST_F(BrokerConnectionsTest, ReadyBrokersTakeTurns) {
  Know(2);
  Connection* const one = &Ready(1);
  Connection* const two = &Ready(2);
  one->used_at = now_;
  Advance(seconds(1));
  EXPECT_EQ(connections_.ReachAny(now_), two);
  Advance(seconds(1));
  EXPECT_EQ(connections_.ReachAny(now_), one);
  Advance(seconds(1));
  EXPECT_EQ(connections_.ReachAny(now_), two);
  connections_.SetUnhelpful(1);
  EXPECT_EQ(connections_.ReachAny(now_), two) << "though it is not its turn";
}

TEST_F(BrokerConnectionsTest, WhereTheOnlyBrokerDoesNotHelpAnotherIsConnected) {
  Know(2);
  Connection* const one = &Ready(1);
  connections_.SetUnhelpful(1);
  EXPECT_EQ(connections_.ReachAny(now_), nullptr);
  EXPECT_EQ(network_.connects.back(), "b2");
  connections_.SetUnhelpful(std::nullopt);
  EXPECT_EQ(connections_.ReachAny(now_), one);
}

TEST_F(BrokerConnectionsTest, ASlowPartitionsConnectionAnswersNothingElse) {
  Know(1);
  Ready(1, true);
  EXPECT_EQ(connections_.ReachAny(now_), nullptr);
  EXPECT_EQ(network_.connects.size(), 2U) << "the main connection is opened for it";
}

TEST_F(BrokerConnectionsTest, APauseHoldsForTheWholeBroker) {
  Know(1);
  Connection& connection = Ready(1);
  connections_.Pause(connection, 5'000, now_);
  EXPECT_EQ(connections_.PausedUntil(1), now_ + seconds(5));
  EXPECT_EQ(connections_.PausedUntil(2), base::SteadyTime());
  EXPECT_EQ(connections_.ReachAny(now_), nullptr);
  connections_.Check(now_);
  EXPECT_EQ(connections_.NextCheck(), now_ + seconds(5));
  Advance(seconds(5));
  connections_.Check(now_);
  EXPECT_EQ(connections_.ReachAny(now_), &connection);
  EXPECT_EQ(brokers_.pauses, (Pauses{{"b1:9092", seconds(5)}, {"b1:9092", base::Duration(0)}}));
}

TEST_F(BrokerConnectionsTest, APauseIsBoundedAndCanBeTakenBack) {
  Know(1);
  Connection& connection = Ready(1);
  connections_.Pause(connection, INT32_MAX, now_);
  EXPECT_EQ(connections_.PausedUntil(1), now_ + std::chrono::minutes(10));
  connections_.Pause(connection, 0, now_);
  EXPECT_EQ(connections_.ReachAny(now_), &connection);
  EXPECT_EQ(brokers_.pauses.size(), 2U);
  connections_.Pause(connection, 0, now_);
  EXPECT_EQ(brokers_.pauses.size(), 2U) << "there is no pause to end";
}

TEST_F(BrokerConnectionsTest, ABrokerThatLeavesIsForgottenUnlessItIsUsed) {
  Know(3);
  Connection& left = Ready(2);
  connections_.Pause(left, 60'000, now_);
  connections_.Pause(Ready(3), 60'000, now_);
  wire::MetadataResponse response;
  response.brokers = {{1, "b1", 9092}};
  ASSERT_TRUE(cluster_.Update(1, response));
  connections_.OnMetadata([](int32_t node) { return node == 3; });
  EXPECT_EQ(brokers_.pauses.size(), 4U) << "their pauses are over for the metrics";
  EXPECT_EQ(connections_.Find(left.number), &left) << "until its connection ends";
  Fail(left);
  connections_.OnMetadata([](int32_t node) { return node == 3; });
  EXPECT_EQ(connections_.PausedUntil(2), base::SteadyTime());
}

TEST_F(BrokerConnectionsTest, ABrokerThatLeavesWhileItIsUsedKeepsItsPauseAfterAFailure) {
  Know(3);
  for (const int32_t node : {2, 3}) Fail(*Reach(node));
  Connection* const slow = Reach(1, true);
  wire::MetadataResponse response;
  response.brokers = {{9, "b9", 9092}};
  ASSERT_TRUE(cluster_.Update(1, response));
  connections_.OnMetadata([](int32_t node) { return node == 3; });
  metadata_.needed = false;
  EXPECT_EQ(Reach(3), nullptr);
  EXPECT_FALSE(metadata_.needed) << "it is left alone for a while";
  EXPECT_EQ(Reach(1, true), slow) << "it has a connection";
  EXPECT_EQ(Reach(2), nullptr);
  EXPECT_TRUE(metadata_.needed) << "its address is forgotten, and its failure too";
}

TEST_F(BrokerConnectionsTest, ABrokerThatAnswersSlowlyIsNotAskedForMetadata) {
  Know(2);
  Connection* const slow = &Ready(1);
  Connection* const quick = &Ready(2);
  quick->used_at = now_ + seconds(1);
  slow->link.Send(wire::Api::kInitProducerId, seconds(5), 0, now_,
                  [](std::string& out, std::vector<wire::Splice>&, const wire::RequestHeader& header) {
                    wire::AppendInitProducerId(out, header);
                  });
  Advance(BrokerConnections::kSlow - base::Duration(1));
  EXPECT_EQ(connections_.ReachAny(now_), slow) << "it is its turn";
  slow->used_at = {};
  Advance(base::Duration(1));
  EXPECT_EQ(connections_.ReachAny(now_), quick);
}

TEST_F(BrokerConnectionsTest, ABrokerIsWaitedForUntilTheTimeOut) {
  Know(1);
  Connection& connection = *Reach(1);
  connections_.Check(now_);
  connections_.Write();
  EXPECT_EQ(connections_.NextCheck(), now_ + seconds(10));
  connection.link.OnConnected(now_);
  connections_.Write();
  EXPECT_EQ(network_.written, std::vector<uint64_t>{connection.number});
  connection.link.OnWritten();
  Advance(seconds(10));
  for (Connection* const ended : connections_.Check(now_)) {
    EXPECT_EQ(connections_.End(*ended, now_).size(), 1U) << "the request without an answer";
  }
  EXPECT_EQ(brokers_.faults, std::vector<std::string>{"timed_out b1:9092"});
}

TEST_F(BrokerConnectionsTest, ABrokerThatIsTooOldIsReported) {
  Know(1);
  Connection& connection = *Reach(1);
  connection.link.OnConnected(now_);
  while (!connection.link.Take().Empty()) connection.link.OnWritten();
  connection.link.OnBytes(Framed(0, VersionsBody(4, wire::ErrorCode::kNone, 6)), now_,
                          [](const Link::Request&, std::string_view) {});
  for (Connection* const ended : connections_.Check(now_)) connections_.End(*ended, now_);
  EXPECT_EQ(brokers_.faults, std::vector<std::string>{"unsupported_version b1:9092"});
}

TEST_F(BrokerConnectionsTest, ThatNoBrokerCanBeReachedIsReportedOnce) {
  Know(2);
  const auto down = [&] { return std::ranges::count(brokers_.faults, "brokers_down the cluster"); };
  EXPECT_EQ(connections_.ReachForMetadata(now_), nullptr);
  EXPECT_EQ(down(), 0) << "the first attempt is under way";
  for (const int32_t node : {1, 2}) Fail(*Reach(node));
  EXPECT_EQ(connections_.ReachForMetadata(now_), nullptr);
  EXPECT_EQ(connections_.ReachForMetadata(now_), nullptr);
  EXPECT_EQ(down(), 1);
  Advance(seconds(10));
  Ready(1);
  EXPECT_NE(connections_.ReachForMetadata(now_), nullptr);
  Fail(*Reach(1));  // it was idle, which is no failure
  for (const int32_t node : {1, 2}) Fail(*Reach(node));
  EXPECT_EQ(connections_.ReachForMetadata(now_), nullptr);
  EXPECT_EQ(down(), 2) << "it is another outage";
}

TEST_F(BrokerConnectionsTest, AfterALongOutageTheBootstrapAddressesAreUsedAgain) {
  Know(1);
  Fail(*Reach(1));
  connections_.ReachForMetadata(now_);
  Advance(std::chrono::minutes(5) - seconds(1));
  connections_.ReachForMetadata(now_);
  EXPECT_EQ(network_.connects.back(), "b1");
  Fail(*Reach(1));
  Advance(seconds(1));
  connections_.ReachForMetadata(now_);
  Advance(BrokerConnections::kConnectWait);
  connections_.ReachForMetadata(now_);
  EXPECT_TRUE(network_.connects.back().starts_with("boot"));
}

TEST_F(BrokerConnectionsTest, TheBrokersCanAskForABootstrap) {
  Know(1);
  Ready(1);
  metadata_.needed = false;
  connections_.Rebootstrap();
  EXPECT_TRUE(metadata_.needed);
  for (Connection* const ended : connections_.Check(now_)) connections_.End(*ended, now_);
  EXPECT_EQ(connections_.ReachAny(now_), nullptr);
  EXPECT_TRUE(network_.connects.back().starts_with("boot"));
}

TEST_F(BrokerConnectionsTest, NewCredentialsAreUsedAtOnce) {
  Know(1);
  Fail(*Reach(1));
  EXPECT_EQ(Reach(1), nullptr);
  connections_.OnCredentials();
  Connection* const connection = Reach(1);
  ASSERT_NE(connection, nullptr) << "the pause was for the old ones";
  EXPECT_EQ(connection->credentials, 1U);
  MakeReady(*connection);
  connections_.OnCredentials();
  const auto ended = connections_.Check(now_);
  ASSERT_EQ(ended.size(), 1U) << "an idle connection is opened again with them";
  connections_.End(*ended[0], now_);
  EXPECT_EQ(brokers_.faults.size(), 1U);
}

// --- logins

class BrokerLoginsTest : public BrokerConnectionsTest {
 protected:
  static BrokerConnections::Options WithLogin() {
    BrokerConnections::Options options;
    options.link.mechanism = "PLAIN";
    options.link.make_sasl = [] { return MakePlain("user", "password"); };
    return options;
  }
  void Give(Connection& connection, const std::string& body) {
    while (!connection.link.Take().Empty()) connection.link.OnWritten();
    connection.link.OnBytes(Framed(next_id_++, body), now_, [](const Link::Request&, std::string_view) {});
  }
  // A connection that waits for the answer to its login.
  Connection& LogIn() {
    Connection& connection = *logins_.Reach(1, false, now_);
    connection.link.OnConnected(now_);
    next_id_ = 0;
    Give(connection, VersionsBody(4, wire::ErrorCode::kNone));
    Give(connection, HandshakeBody());
    return connection;
  }
  void Reject(Connection& connection) {
    Give(connection, LoginBody(wire::ErrorCode::kSaslAuthenticationFailed, 0));
    for (Connection* const ended : logins_.Check(now_)) logins_.End(*ended, now_);
    EXPECT_TRUE(network_.open.empty());
  }

  int32_t next_id_ = 0;
  BrokerConnections logins_{WithLogin(), cluster_, metadata_, network_, brokers_, random_};
};

TEST_F(BrokerLoginsTest, ARejectedLoginIsReportedAndTriedAgainLater) {
  Know(1);
  Reject(LogIn());
  EXPECT_EQ(brokers_.refused, std::vector<std::string>{"b1:9092"});
  EXPECT_TRUE(brokers_.faults.empty());
  EXPECT_EQ(logins_.Reach(1, false, now_), nullptr);
}

TEST_F(BrokerLoginsTest, ThatOldCredentialsAreRejectedIsNotReported) {
  Know(1);
  Connection& connection = LogIn();
  logins_.OnCredentials();
  Reject(connection);
  EXPECT_TRUE(brokers_.refused.empty());
  EXPECT_EQ(brokers_.faults, std::vector<std::string>{"authentication_failed b1:9092"});
  Reject(LogIn());
  EXPECT_EQ(brokers_.refused.size(), 1U) << "the new ones are rejected too";
}

TEST_F(BrokerLoginsTest, ThatARenewalIsRejectedIsNotReported) {
  Know(1);
  Connection& connection = LogIn();
  Give(connection, LoginBody(wire::ErrorCode::kNone, 100'000));
  EXPECT_TRUE(logins_.Check(now_).empty());
  EXPECT_EQ(brokers_.contacts.size(), 1U);
  Advance(seconds(90));
  EXPECT_TRUE(logins_.Check(now_).empty());
  Give(connection, HandshakeBody());
  Reject(connection);
  EXPECT_TRUE(brokers_.refused.empty());
  EXPECT_EQ(brokers_.faults, std::vector<std::string>{"authentication_failed b1:9092"});
  EXPECT_NE(logins_.Reach(1, false, now_), nullptr) << "at once";
}

TEST_F(BrokerConnectionsTest, AllConnectionsEndWithIt) {
  {
    std::mt19937_64 random(1);
    BrokerConnections connections(WithBootstrap(1), cluster_, metadata_, network_, brokers_, random);
    connections.ReachAny(now_);
    EXPECT_EQ(network_.open.size(), 1U);
  }
  EXPECT_TRUE(network_.open.empty());
}

}  // namespace
}  // namespace ei::kafka::native
