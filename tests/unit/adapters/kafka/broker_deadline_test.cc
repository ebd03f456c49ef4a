#include "adapters/kafka/broker_deadline.h"

#include <gtest/gtest.h>

#include "support/recording_log.h"
#include "support/virtual_clock.h"

namespace ei::kafka {
namespace {

constexpr std::string_view kLine = "still waiting for the brokers";
constexpr base::Duration kSecond = std::chrono::seconds(1);

class BrokerDeadlineTest : public ::testing::Test {
 protected:
  bool GoesOn() { return deadline_.OnFailure("a call", "no answer").has_value(); }

  support::VirtualClock clock_;
  support::RecordingLog log_;
  BrokerDeadline deadline_{clock_, log_, "look there"};
};

TEST_F(BrokerDeadlineTest, LogsEveryTenSecondsThatItWaitsAndGivesUpInTheEnd) {
  int seconds = 0;
  for (; GoesOn(); ++seconds) clock_.Advance(kSecond);
  EXPECT_EQ(seconds, BrokerDeadline::kMax / kSecond);
  EXPECT_EQ(log_.Count(kLine), static_cast<size_t>(seconds / 10 - 1));
  EXPECT_EQ(log_.Count("call=a call detail=no answer waited_s=20 hint=look there"), 1U);
}

TEST_F(BrokerDeadlineTest, AnAnswerRestartsIt) {
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(GoesOn());
    clock_.Advance(BrokerDeadline::kMax - kSecond);
    EXPECT_TRUE(GoesOn());
    deadline_.OnAnswer();
    clock_.Advance(kSecond);
  }
}

}  // namespace
}  // namespace ei::kafka
