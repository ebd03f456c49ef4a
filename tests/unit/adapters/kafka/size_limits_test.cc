#include "adapters/kafka/size_limits.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/recording_log.h"

namespace ei::kafka {
namespace {

using base::ErrorKind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Learnt = std::vector<std::pair<std::string, std::optional<uint64_t>>>;
using Strings = std::vector<std::string>;

// test_topic_limits.py makes the requests to a real broker.
class SizeLimitsTest : public ::testing::Test {
 protected:
  Strings Ask(base::Duration after) { return limits_.TopicsToRequest(base::SteadyTime() + after); }
  void Answer(TopicConfigAnswer answer) { limits_.OnAnswer(answer); }
  void Answer(std::string_view topic, base::Result<TopicConfig> config) {
    Answer(TopicConfigAnswer({{topic, std::move(config)}}));
  }
  void Answer(std::string_view topic, uint64_t bytes_max) { Answer(topic, TopicConfig{bytes_max, false}); }

  support::RecordingLog log_;
  Learnt learnt_;
  bool compacted_ = false;  // of the last call
  bool one_ack_ = false;
  int replicas_ = 3;
  int replicas_requests_ = 0;
  SizeLimits limits_{[this](std::string_view topic, const SizeLimits::Known& known) {
                       learnt_.emplace_back(topic, known.bytes_max);
                       compacted_ = known.compacted;
                       one_ack_ = known.one_ack;
                     },
                     [this](const std::string&) {
                       ++replicas_requests_;
                       return replicas_;
                     },
                     log_};
};

TEST_F(SizeLimitsTest, ACompressedTopicHasNoLimitButIsRequested) {
  limits_.Watch("events", /*compressed=*/true);
  EXPECT_EQ(learnt_, (Learnt{{"events", std::nullopt}}));
  EXPECT_EQ(Ask(seconds(0)), Strings{"events"});
  Answer("events", TopicConfig{1000, true});
  EXPECT_EQ(learnt_, (Learnt{{"events", std::nullopt}, {"events", std::nullopt}}));
  EXPECT_TRUE(compacted_);
}

TEST_F(SizeLimitsTest, WhetherATopicIsCompactedIsLearntWhenItChanges) {
  limits_.Watch("events", false);
  for (const bool compacted : {true, true, false}) {
    Answer("events", TopicConfig{1000, compacted});
    EXPECT_EQ(compacted_, compacted);
  }
  EXPECT_EQ(learnt_.size(), 2U);
}

TEST_F(SizeLimitsTest, SaysWhenOneReplicaOfSeveralAcknowledges) {
  constexpr std::string_view kLine = "one replica alone acknowledges";
  limits_.Watch("events", false);
  Answer("events", TopicConfig{1000, false, 2});
  EXPECT_FALSE(one_ack_);
  EXPECT_EQ(replicas_requests_, 0);
  for (int round = 0; round < 3; ++round) Answer("events", TopicConfig{1000, false, 1});
  EXPECT_TRUE(one_ack_);
  EXPECT_EQ(log_.Count(kLine), 1U);
  EXPECT_EQ(log_.Count("the largest record that a topic accepts"), 1U);
  Answer("events", TopicConfig{1000, false, 2});
  EXPECT_FALSE(one_ack_);
  EXPECT_EQ(replicas_requests_, 1);
}

TEST_F(SizeLimitsTest, ASingleReplicaIsNotReported) {
  replicas_ = 1;
  limits_.Watch("events", false);
  Answer("events", TopicConfig{1000, false, 1});
  EXPECT_FALSE(one_ack_);
}

TEST_F(SizeLimitsTest, RequestsANewTopicAtOnceThenEveryMinuteOrSoonOnRequest) {
  limits_.Watch("events", false);
  EXPECT_EQ(Ask(seconds(0)), Strings{"events"});
  Answer("events", 1000);
  EXPECT_TRUE(Ask(milliseconds(59'999)).empty());
  EXPECT_EQ(Ask(seconds(60)), Strings{"events"});
  Answer("events", 1000);
  limits_.Watch("events", false);
  EXPECT_TRUE(Ask(seconds(62)).empty()) << "it is not new";
  limits_.RequestSoon();
  EXPECT_EQ(Ask(seconds(62)), Strings{"events"});
  Answer("events", 1000);
  limits_.Watch("orders", false);
  EXPECT_TRUE(Ask(milliseconds(62'999)).empty()) << "not more than once a second";
  EXPECT_EQ(Ask(seconds(63)), (Strings{"events", "orders"}));
}

TEST_F(SizeLimitsTest, OneRequestAtATime) {
  limits_.Watch("events", false);
  EXPECT_FALSE(Ask(seconds(0)).empty());
  limits_.RequestSoon();
  EXPECT_TRUE(Ask(seconds(100)).empty());
  Answer(base::Fail(ErrorKind::kUnavailable, "timed out"));
  EXPECT_FALSE(Ask(seconds(101)).empty());
}

TEST_F(SizeLimitsTest, AnUnansweredRequestIsRepeatedSoon) {
  limits_.Watch("events", false);
  Ask(seconds(0));
  Answer(base::Fail(ErrorKind::kUnavailable, "timed out"));
  EXPECT_TRUE(Ask(milliseconds(999)).empty());
  EXPECT_FALSE(Ask(seconds(1)).empty());
  Answer("events", base::Fail(ErrorKind::kUnavailable, "not known to this broker yet"));
  EXPECT_FALSE(Ask(seconds(2)).empty());
  Answer("events", 1000);
  EXPECT_TRUE(Ask(seconds(61)).empty());
}

TEST_F(SizeLimitsTest, AnAnswerIsLearntAndLoggedWhenItChanges) {
  limits_.Watch("events", false);
  for (const uint64_t bytes_max : {1000U, 1000U, 2000U}) Answer("events", bytes_max);
  EXPECT_EQ(learnt_, (Learnt{{"events", 1000}, {"events", 2000}}));
  EXPECT_EQ(log_.Count("max_message_bytes="), 2U);
  Answer("another", 1);
  EXPECT_EQ(learnt_.size(), 2U) << "it was not requested";
}

TEST_F(SizeLimitsTest, AnOutageChangesNothing) {
  limits_.Watch("events", false);
  Answer("events", 1000);
  Answer("events", base::Fail(ErrorKind::kUnavailable, "no leader"));
  Answer(base::Fail(ErrorKind::kUnavailable, "timed out"));
  EXPECT_EQ(learnt_, (Learnt{{"events", 1000}}));
  EXPECT_EQ(log_.Lines().size(), 1U);
}

TEST_F(SizeLimitsTest, ATopicWithoutReadableSettingsHasNoLimitAndIsLoggedOnce) {
  limits_.Watch("events", false);
  Answer("events", 1000);
  for (int i = 0; i < 2; ++i) Answer("events", base::Fail(ErrorKind::kInvalid, "not authorized"));
  EXPECT_EQ(learnt_, (Learnt{{"events", 1000}, {"events", std::nullopt}}));
  EXPECT_EQ(log_.Count("can't be read"), 1U);
  Answer("events", 1000);
  EXPECT_EQ(learnt_.size(), 3U);
}

TEST_F(SizeLimitsTest, AClusterWithoutReadableSettingsIsLoggedForEachTopicOnce) {
  limits_.Watch("events", false);
  limits_.Watch("orders", false);
  for (int i = 0; i < 2; ++i) Answer(base::Fail(ErrorKind::kInvalid, "unsupported"));
  EXPECT_EQ(learnt_, (Learnt{{"events", std::nullopt}, {"orders", std::nullopt}}));
  EXPECT_EQ(log_.Lines().size(), 2U);
}

}  // namespace
}  // namespace ei::kafka
