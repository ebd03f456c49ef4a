// What the delivery worker does when the sink says no.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "unit/app/delivery_worker_fixture.h"

namespace ei::app {
namespace {

TEST_F(DeliveryWorkerTest, TransientFailureIsSentAgainForEver) {
  Open();
  Accept({"a"});
  for (int failures = 0; failures < 200; ++failures) {
    Turns();
    ASSERT_EQ(InFlight(), Values{"a"}) << failures;
    sink_.Report({"a"}, Verdict::kTransient, "broker_down");
    const auto wait = worker_->Turn();
    clock_.Advance(wait.value_or(base::Duration(0)));
    ASSERT_LE(wait.value_or(base::Duration(0)), seconds(10));
  }
  Turns();
  sink_.ReportAll(Verdict::kDelivered);
  EXPECT_EQ(InJournal(), 0U);
  EXPECT_EQ(telemetry_.Read().retried, 200U);
  EXPECT_EQ(telemetry_.Read().DeadLettered(), 0U);
}

TEST_F(DeliveryWorkerTest, FailedEventsGoAgainInJournalOrderBeforeAnythingNew) {
  Open();
  Accept({"a", "b", "c"});
  Turns();
  Accept({"d"});
  sink_.TakeSends();
  sink_.Report({"c", "a"}, Verdict::kTransient, "x");
  TurnsThroughWaits();
  EXPECT_TRUE(sink_.TakeSends().empty()) << "b's report is not back";
  sink_.Report({"b"}, Verdict::kTransient, "x");
  TurnsThroughWaits();
  EXPECT_EQ(sink_.TakeSends(), (Sends{{"a", "b", "c", "d"}}));
}

TEST_F(DeliveryWorkerTest, LastReportOfARecoveryWakesTheWorker) {
  Open();
  Accept({"a", "b"});
  Turns();
  sink_.Report({"a"}, Verdict::kTransient, "x");
  EXPECT_GT(wakes_, 0);
  TurnsThroughWaits();
  wakes_ = 0;
  sink_.Report({"b"}, Verdict::kDelivered);
  EXPECT_GT(wakes_, 0);
  TurnsThroughWaits();
  EXPECT_EQ(InFlight(), Values{"a"});
}

TEST_F(DeliveryWorkerTest, BackOffIsWaitedForAndTold) {
  Open();
  Accept({"a"});
  Turns();
  sink_.Report({"a"}, Verdict::kTransient, "x");
  for (int i = 0; i < 20; ++i) {
    const auto wait = worker_->Turn();
    ASSERT_TRUE(wait.has_value());
    if (*wait > base::Duration(0)) {
      clock_.Advance(*wait - base::Duration(1));
      EXPECT_EQ(worker_->Turn(), base::Duration(1));
      EXPECT_TRUE(InFlight().empty());
      clock_.Advance(base::Duration(1));
      worker_->Turn();
    }
    ASSERT_EQ(InFlight(), Values{"a"});
    sink_.Report({"a"}, Verdict::kTransient, "x");
  }
}

TEST_F(DeliveryWorkerTest, FailureThatComesDuringATurnHoldsBackWhatWouldOvertakeIt) {
  Open();
  Accept({"bad", "a"});
  Turns();
  sink_.Report({"bad"}, Verdict::kEventInvalid, "invalid");
  Accept({"b"});
  sink_.TakeSends();
  bool reported = false;
  sink_.OnSend([&] {  // from within SendDeadLetter
    if (!std::exchange(reported, true)) sink_.Report({"a"}, Verdict::kTransient, "x");
  });
  TurnsThroughWaits();
  ASSERT_TRUE(reported);
  EXPECT_EQ(sink_.TakeSends(), (Sends{{"a", "b"}}));
}

TEST_F(DeliveryWorkerTest, TopicThatDoesNotComeIsWaitedForAndThenTheEventIsADeadLetter) {
  Open();
  Accept({"a"});
  const auto began = clock_.Now();
  while (clock_.Now() < began + seconds(60)) {
    Turns();
    ASSERT_EQ(InFlight(), Values{"a"}) << "it is no dead letter yet";
    sink_.Report({"a"}, Verdict::kUnknownTopic, "unknown_topic");
    Turns();
    clock_.Advance(seconds(10));
  }
  Turns();
  sink_.Report({"a"}, Verdict::kUnknownTopic, "unknown_topic");
  Turns();
  sink_.ReportAll(Verdict::kDelivered);
  EXPECT_EQ(telemetry_.Read().dead_lettered.at("unknown_topic"), 1U);
  EXPECT_EQ(InJournal(), 0U);
}

TEST_F(DeliveryWorkerTest, OtherTroubleMeanwhileBeginsTheWaitForATopicAnew) {
  Open();
  Accept({"a"});
  const auto fail = [&](Verdict verdict) {
    Turns();
    ASSERT_EQ(InFlight(), Values{"a"});
    sink_.Report({"a"}, verdict, "x");
    Turns();
    clock_.Advance(seconds(50));
  };
  for (int i = 0; i < 20; ++i) {
    fail(Verdict::kUnknownTopic);
    fail(Verdict::kTransient);
  }
  Turns();
  sink_.ReportAll(Verdict::kDelivered);
  EXPECT_EQ(telemetry_.Read().delivered, 1U);
  EXPECT_EQ(telemetry_.Read().DeadLettered(), 0U);
}

TEST_F(DeliveryWorkerTest, RefusedTogetherIsTriedAloneEachByItself) {
  Open();
  Accept({"a", "b", "c"});
  Turns();
  sink_.TakeSends();
  sink_.ReportAll(Verdict::kEventRefused, "too_large");
  Turns();
  EXPECT_EQ(sink_.TakeSends(), (Sends{{"a"}}));
  EXPECT_EQ(sink_.InFlight()[0].grouping, Grouping::kAlone);
  sink_.Report({"a"}, Verdict::kDelivered);
  Turns();
  EXPECT_EQ(sink_.TakeSends(), (Sends{{"b"}}));
  sink_.Report({"b"}, Verdict::kDelivered);
  Turns();
  sink_.Report({"c"}, Verdict::kDelivered);
  EXPECT_EQ(InJournal(), 0U);
  EXPECT_EQ(telemetry_.Read().delivered, 3U);
}

TEST_F(DeliveryWorkerTest, OneAtFaultAmongManyIsFoundWithFewRequests) {
  Open(4'000, 0);
  AcceptMany(1'000);
  const std::string bad = "e700";
  size_t requests = 0;
  while (InJournal() > 0) {
    TurnsThroughWaits();
    ++requests;
    ASSERT_LT(requests, 50U);
    const Values sent = InFlight();
    ASSERT_FALSE(sent.empty());
    Values letters;
    for (const auto& each : sink_.InFlight()) {
      if (each.dead_letter) letters.push_back(each.value);
    }
    if (!letters.empty()) {
      EXPECT_EQ(letters, Values{bad});
      sink_.Report(letters, Verdict::kDelivered);
    }
    if (const Values rest = InFlight(); !rest.empty()) {
      sink_.ReportAll(IsInFlight(bad) ? Verdict::kEventRefused : Verdict::kDelivered, "x");
    }
  }
  EXPECT_LE(requests, 25U);
  EXPECT_EQ(telemetry_.Read().delivered, 999U);
  EXPECT_EQ(telemetry_.Read().DeadLettered(), 1U);
}

TEST_F(DeliveryWorkerTest, FirstTryAloneDoesNotWait) {
  Open();
  Accept({"a", "b"});
  Turns();
  sink_.ReportAll(Verdict::kEventRefused, "too_large");
  worker_->Turn();
  EXPECT_EQ(InFlight(), Values{"a"});
}

TEST_F(DeliveryWorkerTest, EventRefusedAloneBeyondTheRetriesIsDeadLettered) {
  Open(8, 2);
  Accept({"a", "b"});
  Turns();
  sink_.ReportAll(Verdict::kEventRefused, "too_large");
  Turns();
  ASSERT_EQ(InFlight(), Values{"a"});
  sink_.Report({"a"}, Verdict::kEventRefused, "too_large", "1 MB is too much");
  Turns();
  ASSERT_EQ(InFlight(), Values{"b"});
  sink_.Report({"b"}, Verdict::kDelivered);
  for (int alone = 1; alone < 3; ++alone) {
    TurnsThroughWaits();
    ASSERT_EQ(InFlight(), Values{"a"});
    ASSERT_FALSE(sink_.InFlight()[0].dead_letter) << alone;
    sink_.Report({"a"}, Verdict::kEventRefused, "too_large", "1 MB is too much");
  }
  TurnsThroughWaits();
  ASSERT_EQ(InFlight(), Values{"a"});
  const auto& letter = sink_.InFlight()[0];
  EXPECT_TRUE(letter.dead_letter);
  EXPECT_EQ(letter.code, "too_large");
  EXPECT_EQ(letter.reason, "1 MB is too much");
  EXPECT_EQ(letter.attempts, 3U);
  sink_.ReportAll(Verdict::kDelivered);
  EXPECT_EQ(InJournal(), 0U);
  EXPECT_EQ(telemetry_.Read().dead_lettered.at("too_large"), 1U);
  EXPECT_EQ(telemetry_.Read().delivered, 1U);
}

TEST_F(DeliveryWorkerTest, WithoutRetriesAnInnocentNeighbourIsStillTriedAlone) {
  Open(8, 0);
  Accept({"bad", "good"});
  Turns();
  sink_.ReportAll(Verdict::kEventRefused, "too_large");
  TurnsThroughWaits();
  ASSERT_EQ(InFlight(), Values{"bad"});
  sink_.Report({"bad"}, Verdict::kEventRefused, "too_large");
  TurnsThroughWaits();
  ASSERT_EQ(InFlight(), Values{"good"}) << "the proof that the topic takes some";
  EXPECT_FALSE(sink_.InFlight()[0].dead_letter);
  sink_.Report({"good"}, Verdict::kDelivered);
  TurnsThroughWaits();
  sink_.Report({"bad"}, Verdict::kEventRefused, "too_large");
  TurnsThroughWaits();
  ASSERT_EQ(InFlight(), Values{"bad"});
  EXPECT_TRUE(sink_.InFlight()[0].dead_letter);
}

TEST_F(DeliveryWorkerTest, OutageUsesUpNoneOfTheEventsRetries) {
  Open(8, 2);
  Accept({"bad", "good"});
  for (int i = 0; i < 20; ++i) {
    TurnsThroughWaits();
    sink_.ReportAll(Verdict::kTransient, "broker_down");
  }
  TurnsThroughWaits();
  sink_.ReportAll(Verdict::kEventRefused, "too_large");
  TurnsThroughWaits();
  ASSERT_EQ(InFlight(), Values{"bad"});
  EXPECT_FALSE(sink_.InFlight()[0].dead_letter);
  sink_.Report({"bad"}, Verdict::kTransient, "broker_down");
  TurnsThroughWaits();
  sink_.Report({"bad"}, Verdict::kEventRefused, "too_large");
  Turns();
  sink_.Report({"good"}, Verdict::kDelivered);
  TurnsThroughWaits();
  ASSERT_EQ(InFlight(), Values{"bad"});
  EXPECT_FALSE(sink_.InFlight()[0].dead_letter) << "its own first refusal";
}

TEST_F(DeliveryWorkerTest, InvalidEventIsDeadLetteredAtOnceAndHoldsNobodyBack) {
  Open();
  Accept({"a", "b"});
  Turns();
  Accept({"c"});
  sink_.TakeSends();
  sink_.Report({"a"}, Verdict::kEventInvalid, "invalid", "because");
  Turns();
  ASSERT_EQ(InFlight(), (Values{"b", "a", "c"}));
  EXPECT_TRUE(sink_.InFlight()[1].dead_letter);
  EXPECT_EQ(sink_.InFlight()[1].attempts, 1U);
  EXPECT_EQ(InJournal(), 3U) << "until the letter stands";
  sink_.Report({"a"}, Verdict::kDelivered);
  EXPECT_EQ(InJournal(), 2U);
  EXPECT_EQ(telemetry_.Read().dead_lettered.at("invalid"), 1U);
  EXPECT_EQ(telemetry_.Read().retried, 0U);
}

TEST_F(DeliveryWorkerTest, DeadLetterThatFailsIsSentAgainAndKeepsItsReason) {
  Open();
  Accept({"bad"});
  Turns();
  sink_.Report({"bad"}, Verdict::kEventInvalid, "invalid", "because");
  for (const Verdict verdict : {Verdict::kTransient, Verdict::kEventRefused, Verdict::kEventInvalid}) {
    TurnsThroughWaits();
    ASSERT_EQ(InFlight(), Values{"bad"});
    EXPECT_TRUE(sink_.InFlight()[0].dead_letter);
    EXPECT_EQ(sink_.InFlight()[0].code, "invalid");
    EXPECT_EQ(sink_.InFlight()[0].reason, "because");
    EXPECT_EQ(sink_.InFlight()[0].attempts, 1U);
    sink_.Report({"bad"}, verdict, "letters_down", "nobody there");
    EXPECT_EQ(InJournal(), 1U);
  }
  TurnsThroughWaits();
  sink_.ReportAll(Verdict::kDelivered);
  EXPECT_EQ(InJournal(), 0U);
  EXPECT_EQ(telemetry_.Read().dead_lettered, (std::map<std::string, uint64_t>{{"invalid", 1}}));
}

// By its first letter.
Destinations ByLetter(const OutboundEvent& event) { return {static_cast<DestinationId>(event.value[0])}; }

TEST_F(DeliveryWorkerTest, FailureHoldsUpItsOwnDestinationOnly) {
  Open();
  sink_.Route(ByLetter);
  Accept({"a1", "b1"});
  Turns();
  sink_.TakeSends();
  sink_.Report({"a1"}, Verdict::kTransient, "leader_away");
  for (int i = 2; i < 30; ++i) {
    Accept({"a" + std::to_string(i), "b" + std::to_string(i)});
    worker_->Turn();
    ASSERT_EQ(sink_.TakeSends(), (Sends{{"b" + std::to_string(i)}}));
    sink_.Report({"b" + std::to_string(i)}, Verdict::kDelivered);
  }
  sink_.Report({"b1"}, Verdict::kDelivered);
  TurnsThroughWaits();
  EXPECT_EQ(InFlight().front(), "a1");
  EXPECT_EQ(InFlight().size(), 8U);
}

TEST_F(DeliveryWorkerTest, DestinationThatNeverAnswersHoldsUpItsOwnEventsOnly) {
  Open(8);
  sink_.Route(ByLetter);
  for (int i = 0; i < 200; ++i) Accept({"a" + std::to_string(i), "b" + std::to_string(i)});
  for (int i = 0; i < 200; ++i) {
    TurnsThroughWaits();
    const std::string value = "b" + std::to_string(i);
    ASSERT_TRUE(IsInFlight(value)) << value;
    sink_.Report({value}, Verdict::kDelivered);
  }
  EXPECT_EQ(telemetry_.Read().delivered, 200U);
  EXPECT_LE(InFlight().size(), 8U);
}

TEST_F(DeliveryWorkerTest, ReportsOfTheOthersWakeTheWorkerForThem) {
  Open(8);
  sink_.Route(ByLetter);
  for (int i = 0; i < 100; ++i) Accept({"a" + std::to_string(i)});
  for (int i = 0; i < 100; ++i) Accept({"b" + std::to_string(i)});
  Turns();
  for (int i = 0; i < 100; ++i) {
    const std::string value = "b" + std::to_string(i);
    if (!IsInFlight(value)) {
      ASSERT_GT(std::exchange(wakes_, 0), 0) << "nobody will send " << value;
      Turns();
    }
    sink_.Report({value}, Verdict::kDelivered);
  }
}

TEST_F(DeliveryWorkerTest, EventsThatHaveAChoiceAvoidWhatIsStuck) {
  Open(1'000);
  sink_.Route([](const OutboundEvent&) { return Destinations{0, 4}; });
  size_t stuck = 0;
  for (int i = 0; i < 3'000; ++i) {
    Accept({"e" + std::to_string(i)});
    Turns();
    Values flows;
    for (const auto& sent : sink_.InFlight()) {
      if (sent.event.destination != 1) flows.push_back(sent.value);
    }
    stuck = sink_.InFlight().size() - flows.size();
    sink_.Report(flows, Verdict::kDelivered);
  }
  EXPECT_LE(stuck, 66U) << "a handful to find out";
  EXPECT_EQ(InJournal(), stuck);
}

TEST_F(DeliveryWorkerTest, EventsThatHaveAChoiceAreSpread) {
  Open(1'000);
  sink_.Route([](const OutboundEvent&) { return Destinations{10, 4}; });
  std::map<DestinationId, size_t> used;
  for (int i = 0; i < 400; ++i) {
    Accept({"e" + std::to_string(i)});
    Turns();
    ++used[sink_.InFlight()[0].event.destination];
    sink_.ReportAll(Verdict::kDelivered);
  }
  ASSERT_EQ(used.size(), 4U);
  for (const auto& [destination, events] : used) EXPECT_GE(events, 90U) << destination;
}

TEST_F(DeliveryWorkerTest, DeadLettersInTroubleDontHoldOthersBack) {
  Open();
  Accept({"bad"});
  Turns();
  sink_.Report({"bad"}, Verdict::kEventInvalid, "invalid");
  Turns();
  sink_.Report({"bad"}, Verdict::kTransient, "letters_down");
  for (int i = 0; i < 50; ++i) {
    Accept({"e" + std::to_string(i)});
    worker_->Turn();
    ASSERT_FALSE(InFlight().empty()) << i;
    sink_.Report({"e" + std::to_string(i)}, Verdict::kDelivered);
  }
  EXPECT_EQ(telemetry_.Read().delivered, 50U);
  EXPECT_EQ(InJournal(), 1U);
}

TEST_F(DeliveryWorkerTest, DeadLettersThatHoldMostOfTheWindowDontStopTheRest) {
  Open(8);
  AcceptMany(20);
  Turns();
  Values first;
  for (int i = 0; i < 7; ++i) first.push_back("e" + std::to_string(i));
  sink_.Report(first, Verdict::kEventInvalid, "invalid");
  Turns();  // seven letters that never get a report
  for (int i = 7; i < 20; ++i) {
    const std::string value = "e" + std::to_string(i);
    if (!IsInFlight(value)) {
      ASSERT_GT(std::exchange(wakes_, 0), 0) << "nobody will take " << i;
      Turns();
    }
    sink_.Report({value}, Verdict::kDelivered);
  }
  EXPECT_EQ(InJournal(), 7U);
}

// Destination 1 for what begins with "s".
Destinations ByFirstLetter(const OutboundEvent& event) { return {event.value.starts_with('s') ? 1U : 2U}; }

TEST_F(DeliveryWorkerTest, WhatIsStuckKeepsNoMemoryOfOthersAndArrivesWholeAndInOrder) {
  Open(8);
  sink_.Route(ByFirstLetter);
  const std::string pad(10'000, '.');
  Values stuck;
  for (int i = 0; i < 300; ++i) {
    if (i % 10 == 0) {
      stuck.push_back("s" + std::to_string(i));
      Accept({stuck.back()});
    }
    Accept({"e" + pad});
    Turns();
    clock_.Advance(milliseconds(5));
    sink_.Report({"e" + pad}, Verdict::kDelivered);
  }
  Turns();
  EXPECT_EQ(InJournal(), stuck.size());
  EXPECT_LE(journal_.Stats().bytes, 6U * (256 << 10)) << "3 MB went by";
  Values arrived;
  while (InJournal() > 0) {
    const Values sent = InFlight();
    ASSERT_FALSE(sent.empty());
    arrived.insert(arrived.end(), sent.begin(), sent.end());
    sink_.Report(sent, Verdict::kDelivered);
    TurnsThroughWaits();
  }
  EXPECT_EQ(arrived, stuck);
}

TEST_F(DeliveryWorkerTest, WhatIsStuckIsToldUntilItMovesThoughNothingElseHappens) {
  Open();
  sink_.Route(ByFirstLetter);
  Accept({"stuck"});
  for (int i = 0; i < 150; ++i) {
    Accept({"e"});
    Turns();
    clock_.Advance(milliseconds(5));
    sink_.Report({"e"}, Verdict::kDelivered);
  }
  Accept({"e"});
  Turns();
  EXPECT_EQ(stuck_.Count(), 1U);
  sink_.Report({"stuck", "e"}, Verdict::kDelivered);
  TurnsThroughWaits();
  EXPECT_EQ(stuck_.Count(), 0U);
  EXPECT_EQ(worker_->Turn(), std::nullopt) << "there is nothing more to look for";
}

}  // namespace
}  // namespace ei::app
