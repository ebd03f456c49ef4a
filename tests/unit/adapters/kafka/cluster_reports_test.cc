#include "adapters/kafka/cluster_reports.h"

#include <gtest/gtest.h>

#include "support/recording_log.h"
#include "support/recording_telemetry.h"

namespace ei::kafka {
namespace {

using std::chrono::seconds;

class ClusterReportsTest : public testing::Test {
 protected:
  support::RecordingLog log_;
  support::RecordingTelemetry telemetry_;
  ClusterReports reports_{log_, &telemetry_};
};

TEST_F(ClusterReportsTest, ContactGoesFromPendingToReachedAndStaysThere) {
  EXPECT_EQ(reports_.Status().contact, Connectivity::kPending);
  reports_.Fault("connection_failed", "b:1", "refused");
  EXPECT_EQ(reports_.Status().contact, Connectivity::kUnreachable);
  reports_.Refused(0, "authentication_failed", "b:1", "wrong password");
  EXPECT_EQ(reports_.Status().contact, Connectivity::kRefused);
  reports_.LetIn(0, "b:1");
  EXPECT_EQ(reports_.Status().contact, Connectivity::kConnected);
  EXPECT_FALSE(reports_.Status().refused);
  reports_.Refused(0, "authentication_failed", "b:1", "wrong password");
  EXPECT_EQ(reports_.Status().contact, Connectivity::kConnected);
  EXPECT_TRUE(reports_.Status().refused);
}

TEST_F(ClusterReportsTest, ARefusalIsLoggedOnceUntilThereAreNewCredentials) {
  for (int i = 0; i < 3; ++i) reports_.Refused(0, "authentication_failed", "b:1", "no");
  EXPECT_EQ(log_.Count("the credentials are refused"), 1U);
  EXPECT_EQ(telemetry_.Read().sink_faults["authentication_failed"], 3U);
  reports_.NewCredentials();
  reports_.Refused(0, "authentication_failed", "b:1", "no");
  EXPECT_EQ(log_.Count("the credentials are refused"), 2U);
  reports_.LetIn(0, "b:1");
  reports_.LetIn(0, "b:1");
  EXPECT_EQ(log_.Count("the credentials are accepted"), 1U);
}

TEST_F(ClusterReportsTest, CredentialsAreAcceptedOnceAllLanesAreLetIn) {
  reports_.Refused(0, "authentication_failed", "b:1", "no");
  reports_.Refused(1, "authentication_failed", "b:1", "no");
  reports_.Refused(ClusterReports::kEveryLane, "token_refused", "the source", "no");
  reports_.LetIn(0, "b:1");
  EXPECT_TRUE(reports_.Status().refused);
  EXPECT_EQ(log_.Count("the credentials are accepted"), 0U);
  reports_.LetIn(1, "b:1");
  EXPECT_FALSE(reports_.Status().refused);
  EXPECT_EQ(log_.Count("the credentials are accepted"), 1U);
}

TEST_F(ClusterReportsTest, FurtherBrokersAreCountedTogether) {
  for (size_t i = 0; i < ClusterReports::kBrokersShownMax + 5; ++i) {
    reports_.Produced("b" + std::to_string(i), seconds(1));
  }
  const auto brokers = reports_.Brokers();
  EXPECT_EQ(brokers.size(), ClusterReports::kBrokersShownMax + 1);
  EXPECT_EQ(brokers.at("other").requests, 5U);
  EXPECT_EQ(brokers.at("other").time, seconds(5));
}

TEST_F(ClusterReportsTest, APauseIsTheLongestOfAllAndToldOnceForABroker) {
  reports_.Pause(0, "b:1", seconds(1));
  reports_.Pause(1, "b:1", seconds(3));
  reports_.Pause(0, "b:2", seconds(2));
  EXPECT_EQ(reports_.Status().pause, seconds(3));
  EXPECT_EQ(log_.Count("a broker slows this client down"), 2U);
  reports_.Pause(1, "b:1", seconds(0));
  EXPECT_EQ(log_.Count("no more"), 0U) << "another lane still waits for it";
  EXPECT_EQ(reports_.Status().pause, seconds(2));
  reports_.Pause(0, "b:1", seconds(0));
  reports_.Pause(0, "b:2", seconds(0));
  EXPECT_EQ(log_.Count("no more"), 2U);
  EXPECT_EQ(reports_.Status().pause, seconds(0));
}

TEST_F(ClusterReportsTest, WhatIsStalledForOneLaneIsForAll) {
  EXPECT_FALSE(reports_.IsStalled("events", 5));
  reports_.SetStalled(0, {{"events", 4, {1, 2}}});
  reports_.SetStalled(1, {{"events", 4, {1}}, {"orders", 2, {0}}});
  EXPECT_EQ(reports_.Status().stalled, 3U) << "each once";
  EXPECT_TRUE(reports_.IsStalled("events", 5));
  EXPECT_TRUE(reports_.IsStalled("events", 0x80000005)) << "the sign of the hash is nothing";
  EXPECT_FALSE(reports_.IsStalled("events", 4));
  EXPECT_FALSE(reports_.IsStalled("events", std::nullopt)) << "without a key it goes round";
  EXPECT_TRUE(reports_.IsStalled("orders", 4));
  reports_.SetStalled(0, {});
  EXPECT_FALSE(reports_.IsStalled("events", 2));
  EXPECT_TRUE(reports_.IsStalled("events", 1));
  reports_.SetStalled(1, {});
  EXPECT_FALSE(reports_.IsStalled("events", 1));
  EXPECT_EQ(reports_.Status().stalled, 0U);
}

}  // namespace
}  // namespace ei::kafka
