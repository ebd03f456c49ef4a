// The handling of dead letters that the dead-letter topic rejects.

#include "delivery/dead_letters.h"

#include <gtest/gtest.h>

#include "support/fake_dead_letter_file.h"
#include "unit/delivery/delivery_worker_fixture.h"

namespace ei {
namespace {

class DeadLettersTest : public DeliveryWorkerTest {
 protected:
  DeadLettersTest() { DeliveryWorkerTest::file_ = &dead_letter_file_; }

  // Has each event rejected by its topic, so that it is being written to the dead-letter topic.
  void Kill(const Values& values) {
    Accept(values);
    worker_->Turn();
    for (const std::string& value : values) sink_.Reject(value, "too_large", "by far", "events");
    worker_->Turn();
    for (const std::string& value : values) ASSERT_TRUE(IsDeadLetter(value)) << value;
  }
  bool IsDeadLetter(const std::string& value) const {
    return std::ranges::count(sink_.DeadLetters(), value, &support::ScriptedSink::DeadLetter::value) == 1;
  }
  void ReportAllDeadLetters(DeadLetterResult result, std::string_view code = {}) {
    for (const std::string& value : DeadLetters()) sink_.ReportDeadLetter(value, result, code);
  }
  Values Filed() const {
    Values values;
    for (const auto& dead_letter : dead_letter_file_.stored) values.push_back(dead_letter.value);
    return values;
  }

  support::FakeDeadLetterFile dead_letter_file_;
};

TEST_F(DeadLettersTest, ARejectedDeadLetterIsSettledOnceItIsInTheFile) {
  Open();
  Kill({"bad"});
  EXPECT_EQ(sink_.DeadLetters()[0].topic, "events");
  EXPECT_EQ(InJournal(), 1U);
  sink_.ReportDeadLetter("bad", DeadLetterResult::kRejected, "unknown_topic", "no such topic");
  TurnsThroughWaits();
  ASSERT_EQ(Filed(), Values{"bad"});
  EXPECT_EQ(dead_letter_file_.stored[0].code, "too_large")
      << "why the event was rejected, not why the dead-letter topic rejected it";
  EXPECT_EQ(dead_letter_file_.stored[0].reason, "by far");
  EXPECT_EQ(dead_letter_file_.stored[0].topic, "events");
  EXPECT_EQ(dead_letter_file_.stored[0].attempts, 1U);
  EXPECT_EQ(InJournal(), 0U);
  EXPECT_TRUE(DeadLetters().empty()) << "no reference is sent to a topic that rejects dead letters";
  EXPECT_EQ(worker_->Taken(), 0U);
  EXPECT_EQ(telemetry_.Read().dead_lettered, (std::map<std::string, uint64_t>{{"too_large", 1}}));
  EXPECT_EQ(telemetry_.Read().filed, 1U);
  EXPECT_EQ(log_.Count("writing it to the dead-letter file code=unknown_topic reason=no such topic"), 1U);
}

TEST_F(DeadLettersTest, AFullFileStopsNoOtherEvents) {
  Open();
  dead_letter_file_.room = 0;
  Kill({"bad"});
  sink_.ReportDeadLetter("bad", DeadLetterResult::kRejected, "unknown_topic");
  TurnsThroughWaits();
  ASSERT_GT(dead_letter_file_.calls, 0);
  for (int i = 0; i < 10; ++i) {
    const std::string value = "good" + std::to_string(i);
    Accept({value});
    worker_->Turn();
    sink_.Deliver({value});
  }
  EXPECT_EQ(InJournal(), 1U);
}

TEST_F(DeadLettersTest, ADeadLetterThatTheTopicAcceptsIsNotFiled) {
  Open();
  Kill({"bad"});
  sink_.ReportDeadLetter("bad", DeadLetterResult::kWritten);
  TurnsThroughWaits();
  EXPECT_EQ(dead_letter_file_.calls, 0);
  EXPECT_EQ(telemetry_.Read().filed, 0U);
  EXPECT_EQ(telemetry_.Read().DeadLettered(), 1U);
}

TEST_F(DeadLettersTest, DuringAnOutageOfTheTopicTheFileIsNotUsed) {
  Open();
  Kill({"bad"});
  for (int i = 0; i < 50; ++i) {
    sink_.ReportDeadLetter("bad", DeadLetterResult::kUnavailable, "kafka_unavailable");
    TurnsThroughWaits();
    ASSERT_TRUE(IsDeadLetter("bad"));
  }
  EXPECT_EQ(dead_letter_file_.calls, 0);
  EXPECT_EQ(InJournal(), 1U);
}

TEST_F(DeadLettersTest, ADeadLetterTooLargeForTheTopicIsFiledAndAReferenceSent) {
  Open();
  Kill({"bad"});
  sink_.ReportDeadLetter("bad", DeadLetterResult::kTooLarge, "message_too_large");
  TurnsThroughWaits();
  ASSERT_EQ(Filed(), Values{"bad"});
  ASSERT_EQ(DeadLetters(), Values{"bad"});
  EXPECT_EQ(sink_.DeadLetters()[0].reference, "place-0");
  EXPECT_EQ(sink_.DeadLetters()[0].code, "too_large");
  EXPECT_EQ(InJournal(), 1U) << "until the reference is written";
  sink_.ReportDeadLetter("bad", DeadLetterResult::kUnavailable, "kafka_unavailable");
  TurnsThroughWaits();
  ASSERT_EQ(DeadLetters(), Values{"bad"});
  EXPECT_EQ(sink_.DeadLetters()[0].reference, "place-0") << "an outage does not file it twice";
  sink_.ReportDeadLetter("bad", DeadLetterResult::kWritten);
  EXPECT_EQ(InJournal(), 0U);
  EXPECT_EQ(dead_letter_file_.calls, 1);
  EXPECT_EQ(telemetry_.Read().filed, 1U);
  EXPECT_EQ(telemetry_.Read().DeadLettered(), 1U);
}

TEST_F(DeadLettersTest, WhereEvenTheReferenceIsRejectedTheFileIsEnough) {
  for (const auto result : {DeadLetterResult::kTooLarge, DeadLetterResult::kRejected}) {
    Open();
    Kill({"bad"});
    sink_.ReportDeadLetter("bad", DeadLetterResult::kTooLarge, "message_too_large");
    TurnsThroughWaits();
    sink_.ReportDeadLetter("bad", result, "message_too_large");
    TurnsThroughWaits();
    EXPECT_TRUE(DeadLetters().empty());
    EXPECT_EQ(InJournal(), 0U);
    EXPECT_EQ(worker_->Taken(), 0U);
  }
  EXPECT_EQ(dead_letter_file_.stored.size(), 2U);
}

TEST_F(DeadLettersTest, AFullFileLeavesTheEventInTheJournalAndTheTopicIsRetried) {
  Open();
  dead_letter_file_.room = 0;
  Kill({"bad"});
  for (int i = 0; i < 20; ++i) {
    sink_.ReportDeadLetter("bad", DeadLetterResult::kRejected, "unknown_topic");
    worker_->Turn();
    ASSERT_LE(worker_->NextTurn().value_or(base::SteadyTime::max()), clock_.Now() + seconds(10));
    TurnsThroughWaits();
    ASSERT_TRUE(IsDeadLetter("bad")) << "sent to the topic again";
    ASSERT_TRUE(sink_.DeadLetters()[0].reference.empty());
    ASSERT_EQ(InJournal(), 1U);
  }
  EXPECT_EQ(dead_letter_file_.calls, 20);
  EXPECT_EQ(telemetry_.Read().DeadLettered(), 0U);
  dead_letter_file_.room = 1;
  sink_.ReportDeadLetter("bad", DeadLetterResult::kRejected, "unknown_topic");
  TurnsThroughWaits();
  EXPECT_EQ(InJournal(), 0U);
}

TEST_F(DeadLettersTest, ManyRejectedAtOnceAreStoredTogether) {
  Open();
  Values values;
  for (int i = 0; i < 50; ++i) values.push_back("bad" + std::to_string(i));
  Kill(values);
  dead_letter_file_.room = 30;
  ReportAllDeadLetters(DeadLetterResult::kRejected, "unknown_topic");
  worker_->Turn();
  EXPECT_EQ(dead_letter_file_.calls, 1);
  EXPECT_EQ(InJournal(), 20U);
  EXPECT_EQ(telemetry_.Read().filed, 30U);
  dead_letter_file_.room = 100;
  TurnsThroughWaits();
  ReportAllDeadLetters(DeadLetterResult::kWritten);
  EXPECT_EQ(InJournal(), 0U);
  EXPECT_EQ(telemetry_.Read().DeadLettered(), 50U);
}

TEST_F(DeadLettersTest, RejectedDeadLettersDontHoldOthersBack) {
  Open();
  dead_letter_file_.room = 0;
  Kill({"bad"});
  sink_.ReportDeadLetter("bad", DeadLetterResult::kRejected, "unknown_topic");
  worker_->Turn();
  Accept({"good"});
  worker_->Turn();
  sink_.Deliver({"good"});
  EXPECT_EQ(telemetry_.Read().delivered, 1U);
}

}  // namespace
}  // namespace ei
