// What becomes of dead letters that the dead-letter topic refuses.

#include "app/dead_letters.h"

#include <gtest/gtest.h>

#include "support/letter_file.h"
#include "unit/app/delivery_worker_fixture.h"

namespace ei::app {
namespace {

class DeadLettersTest : public DeliveryWorkerTest {
 protected:
  DeadLettersTest() { DeliveryWorkerTest::file_ = &letter_file_; }

  // Has each event refused by its topic, so that it is on its way to the dead-letter topic.
  void Kill(const Values& values) {
    Accept(values);
    Turns();
    sink_.Report(values, Verdict::kEventInvalid, "too_large", "by far", "events");
    Turns();
    for (const std::string& value : values) ASSERT_TRUE(IsLetter(value)) << value;
  }
  bool IsLetter(const std::string& value) const {
    for (const auto& sent : sink_.InFlight()) {
      if (sent.value == value) return sent.dead_letter;
    }
    return false;
  }
  Values Filed() const {
    Values values;
    for (const auto& letter : letter_file_.stored) values.push_back(letter.value);
    return values;
  }

  support::LetterFile letter_file_;
};

TEST_F(DeadLettersTest, ARefusedLetterIsSettledOnceItStandsInTheFile) {
  Open();
  Kill({"bad"});
  EXPECT_EQ(sink_.InFlight()[0].topic, "events");
  EXPECT_EQ(InJournal(), 1U);
  sink_.Report({"bad"}, Verdict::kEventRefused, "unknown_topic", "no such topic", "events-dlq");
  TurnsThroughWaits();
  ASSERT_EQ(Filed(), Values{"bad"});
  EXPECT_EQ(letter_file_.stored[0].code, "too_large") << "why it died, not why the topic refused it";
  EXPECT_EQ(letter_file_.stored[0].reason, "by far");
  EXPECT_EQ(letter_file_.stored[0].topic, "events");
  EXPECT_EQ(letter_file_.stored[0].attempts, 1U);
  EXPECT_EQ(InJournal(), 0U);
  EXPECT_TRUE(InFlight().empty()) << "a topic that takes no letter takes no reference either";
  EXPECT_EQ(worker_->InFlight(), 0U);
  EXPECT_EQ(telemetry_.Read().dead_lettered, (std::map<std::string, uint64_t>{{"too_large", 1}}));
  EXPECT_EQ(telemetry_.Read().filed, 1U);
  EXPECT_EQ(log_.Count("goes to the dead-letter file code=unknown_topic reason=no such topic"), 1U);
}

TEST_F(DeadLettersTest, AFileThatIsFullStopsNobodyElse) {
  Open();
  letter_file_.room = 0;
  Kill({"bad"});
  sink_.Report({"bad"}, Verdict::kEventRefused, "unknown_topic");
  TurnsThroughWaits();
  ASSERT_GT(letter_file_.calls, 0);
  for (int i = 0; i < 10; ++i) {
    const std::string value = "good" + std::to_string(i);
    Accept({value});
    Turns();  // the sink checks that the worker has not seen failures that it never gave
    ASSERT_TRUE(IsInFlight(value));
    sink_.Report({value}, Verdict::kDelivered);
  }
  EXPECT_EQ(InJournal(), 1U);
}

TEST_F(DeadLettersTest, ALetterThatTheTopicTakesNeverSeesTheFile) {
  Open();
  Kill({"bad"});
  sink_.Report({"bad"}, Verdict::kDelivered);
  TurnsThroughWaits();
  EXPECT_EQ(letter_file_.calls, 0);
  EXPECT_EQ(telemetry_.Read().filed, 0U);
  EXPECT_EQ(telemetry_.Read().DeadLettered(), 1U);
}

TEST_F(DeadLettersTest, AnOutageOfTheTopicIsWaitedForWithoutTheFile) {
  Open();
  Kill({"bad"});
  for (int i = 0; i < 50; ++i) {
    sink_.Report({"bad"}, Verdict::kTransient, "kafka_unavailable");
    TurnsThroughWaits();
    ASSERT_TRUE(IsLetter("bad"));
  }
  EXPECT_EQ(letter_file_.calls, 0);
  EXPECT_EQ(InJournal(), 1U);
}

TEST_F(DeadLettersTest, ALetterTooLargeForTheTopicIsFiledAndAReferenceSent) {
  Open();
  Kill({"bad"});
  sink_.Report({"bad"}, Verdict::kEventInvalid, "message_too_large");
  TurnsThroughWaits();
  ASSERT_EQ(Filed(), Values{"bad"});
  ASSERT_EQ(InFlight(), Values{"bad"});
  EXPECT_EQ(sink_.InFlight()[0].reference, "place-0");
  EXPECT_EQ(sink_.InFlight()[0].code, "too_large");
  EXPECT_EQ(InJournal(), 1U) << "until the reference stands";
  sink_.Report({"bad"}, Verdict::kTransient, "kafka_unavailable");
  TurnsThroughWaits();
  ASSERT_EQ(InFlight(), Values{"bad"});
  EXPECT_EQ(sink_.InFlight()[0].reference, "place-0") << "an outage does not file it twice";
  sink_.Report({"bad"}, Verdict::kDelivered);
  EXPECT_EQ(InJournal(), 0U);
  EXPECT_EQ(letter_file_.calls, 1);
  EXPECT_EQ(telemetry_.Read().filed, 1U);
  EXPECT_EQ(telemetry_.Read().DeadLettered(), 1U);
}

TEST_F(DeadLettersTest, WhereEvenTheReferenceIsRefusedTheFileIsEnough) {
  for (const Verdict verdict : {Verdict::kEventInvalid, Verdict::kEventRefused}) {
    Open();
    Kill({"bad"});
    sink_.Report({"bad"}, Verdict::kEventInvalid, "message_too_large");
    TurnsThroughWaits();
    sink_.Report({"bad"}, verdict, "message_too_large");
    TurnsThroughWaits();
    EXPECT_TRUE(InFlight().empty());
    EXPECT_EQ(InJournal(), 0U);
    EXPECT_EQ(worker_->InFlight(), 0U);
  }
  EXPECT_EQ(letter_file_.stored.size(), 2U);
}

TEST_F(DeadLettersTest, AFullFileLeavesTheEventInTheJournalAndTheTopicIsAskedAgain) {
  Open();
  letter_file_.room = 0;
  Kill({"bad"});
  for (int i = 0; i < 20; ++i) {
    sink_.Report({"bad"}, Verdict::kEventRefused, "unknown_topic");
    ASSERT_EQ(Turns().value_or(seconds(11)) <= seconds(10), true);
    TurnsThroughWaits();
    ASSERT_TRUE(IsLetter("bad")) << "offered to the topic again";
    ASSERT_TRUE(sink_.InFlight()[0].reference.empty());
    ASSERT_EQ(InJournal(), 1U);
  }
  EXPECT_EQ(letter_file_.calls, 20);
  EXPECT_EQ(telemetry_.Read().DeadLettered(), 0U);
  letter_file_.room = 1;
  sink_.Report({"bad"}, Verdict::kEventRefused, "unknown_topic");
  TurnsThroughWaits();
  EXPECT_EQ(InJournal(), 0U);
}

TEST_F(DeadLettersTest, ManyRefusedAtOnceAreStoredTogether) {
  Open(100);
  Values values;
  for (int i = 0; i < 50; ++i) values.push_back("bad" + std::to_string(i));
  Kill(values);
  letter_file_.room = 30;
  sink_.ReportAll(Verdict::kEventRefused, "unknown_topic");
  Turns();
  EXPECT_EQ(letter_file_.calls, 1);
  EXPECT_EQ(InJournal(), 20U);
  EXPECT_EQ(telemetry_.Read().filed, 30U);
  letter_file_.room = 100;
  TurnsThroughWaits();
  sink_.ReportAll(Verdict::kDelivered);
  EXPECT_EQ(InJournal(), 0U);
  EXPECT_EQ(telemetry_.Read().DeadLettered(), 50U);
}

TEST_F(DeadLettersTest, RefusedLettersDontHoldOthersBack) {
  Open();
  letter_file_.room = 0;
  Kill({"bad"});
  sink_.Report({"bad"}, Verdict::kEventRefused, "unknown_topic");
  Turns();
  Accept({"good"});
  worker_->Turn();
  ASSERT_FALSE(IsLetter("good"));
  sink_.Report({"good"}, Verdict::kDelivered);
  EXPECT_EQ(telemetry_.Read().delivered, 1U);
}

}  // namespace
}  // namespace ei::app
