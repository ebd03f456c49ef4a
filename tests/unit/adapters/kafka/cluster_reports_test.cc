#include "adapters/kafka/cluster_reports.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

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

TEST_F(ClusterReportsTest, ContactGoesFromPendingToConnectedAndStaysThere) {
  EXPECT_EQ(reports_.Status().contact, Connectivity::kPending);
  reports_.Fault("connection_failed", "b:1", "refused");
  EXPECT_EQ(reports_.Status().contact, Connectivity::kUnreachable);
  reports_.CredentialsRejected(0, "authentication_failed", "b:1", "wrong password");
  EXPECT_EQ(reports_.Status().contact, Connectivity::kRefused);
  reports_.LoginAccepted(0, "b:1");
  EXPECT_EQ(reports_.Status().contact, Connectivity::kConnected);
  EXPECT_FALSE(reports_.Status().refused);
  reports_.CredentialsRejected(0, "authentication_failed", "b:1", "wrong password");
  EXPECT_EQ(reports_.Status().contact, Connectivity::kConnected);
  EXPECT_TRUE(reports_.Status().refused);
}

TEST_F(ClusterReportsTest, ARejectionIsLoggedOnceUntilThereAreNewCredentials) {
  for (int i = 0; i < 3; ++i) reports_.CredentialsRejected(0, "authentication_failed", "b:1", "no");
  EXPECT_EQ(log_.Count("the credentials are rejected"), 1U);
  EXPECT_EQ(telemetry_.Read().sink_faults["authentication_failed"], 3U);
  reports_.NewCredentials();
  reports_.CredentialsRejected(0, "authentication_failed", "b:1", "no");
  EXPECT_EQ(log_.Count("the credentials are rejected"), 2U);
  reports_.LoginAccepted(0, "b:1");
  reports_.LoginAccepted(0, "b:1");
  EXPECT_EQ(log_.Count("the credentials are accepted"), 1U);
}

TEST_F(ClusterReportsTest, CredentialsAreAcceptedOnceAllLanesAreConnected) {
  reports_.CredentialsRejected(0, "authentication_failed", "b:1", "no");
  reports_.CredentialsRejected(1, "authentication_failed", "b:1", "no");
  reports_.CredentialsRejected(ClusterReports::kEveryLane, "token_refused", "the source", "no");
  reports_.LoginAccepted(0, "b:1");
  EXPECT_TRUE(reports_.Status().refused);
  EXPECT_EQ(log_.Count("the credentials are accepted"), 0U);
  reports_.LoginAccepted(1, "b:1");
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

TEST_F(ClusterReportsTest, TheReportedPauseIsTheLongestAndLoggedOnceForABroker) {
  reports_.Pause(0, "b:1", seconds(1));
  reports_.Pause(1, "b:1", seconds(3));
  reports_.Pause(0, "b:2", seconds(2));
  EXPECT_EQ(reports_.Status().pause, seconds(3));
  EXPECT_EQ(log_.Count("a broker slows this client down"), 2U);
  reports_.Pause(1, "b:1", seconds(0));
  EXPECT_EQ(log_.Count("no longer"), 0U) << "another lane still waits for it";
  EXPECT_EQ(reports_.Status().pause, seconds(2));
  reports_.Pause(0, "b:1", seconds(0));
  reports_.Pause(0, "b:2", seconds(0));
  EXPECT_EQ(log_.Count("no longer"), 2U);
  EXPECT_EQ(reports_.Status().pause, seconds(0));
}

TEST_F(ClusterReportsTest, StallsOfAllLanesAreReportedWhenTheyChange) {
  std::vector<std::vector<StalledTopic>> reported;
  reports_.OnStalls([&](std::vector<StalledTopic> stalls) { reported.push_back(std::move(stalls)); });
  reports_.SetStalled(0, {{"events", 4, {2}}});
  reports_.SetStalled(1, {{"events", 4, {1, 2}}, {"orders", 2, {0}}});
  reports_.SetStalled(0, {{"events", 4, {1}}});
  ASSERT_EQ(reported.size(), 2U) << "the third list is the same";
  EXPECT_EQ(reported[0], (std::vector<StalledTopic>{{"events", 4, {2}}}));
  EXPECT_EQ(reported[1], (std::vector<StalledTopic>{{"events", 4, {1, 2}}, {"orders", 2, {0}}}));
  reports_.SetStalled(1, {});
  reports_.SetStalled(0, {});
  ASSERT_EQ(reported.size(), 4U);
  EXPECT_EQ(reported[2], (std::vector<StalledTopic>{{"events", 4, {1}}}));
  EXPECT_TRUE(reported[3].empty());
}

TEST_F(ClusterReportsTest, WhatIsStalledForOneLaneIsForAll) {
  EXPECT_FALSE(reports_.IsStalled("events", 5));
  reports_.SetStalled(0, {{"events", 4, {1, 2}}});
  reports_.SetStalled(1, {{"events", 4, {1}}, {"orders", 2, {0}}});
  EXPECT_EQ(reports_.Status().stalled, 3U) << "each once";
  EXPECT_TRUE(reports_.IsStalled("events", 5));
  EXPECT_TRUE(reports_.IsStalled("events", 0x80000005)) << "the sign bit of the hash is ignored";
  EXPECT_FALSE(reports_.IsStalled("events", 4));
  EXPECT_FALSE(reports_.IsStalled("events", std::nullopt)) << "events without a key go to other partitions";
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
