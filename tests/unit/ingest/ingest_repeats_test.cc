// Events that clients send again: which of them are stored, what their requests wait for, and how they are
// counted.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ingest/ingest.h"
#include "journal/memory_journal.h"
#include "support/durable_journal.h"
#include "support/event_settler.h"
#include "support/events.h"
#include "support/recording_log.h"
#include "support/recording_telemetry.h"
#include "support/virtual_clock.h"
#include "support/waiting_request.h"

namespace ei {
namespace {

using Positions = std::vector<uint64_t>;

using Waiters = std::vector<Waiter*>;

class IngestRepeatsTest : public ::testing::Test {
 protected:
  IngestRepeatsTest() {
    journal_.OnLaneFilled([](size_t) {});
  }

  DecodedEvent Event(const std::string& id, const std::string& source = {}, const std::string& text = {}) {
    const std::string rest = text.empty() ? "" : R"(,"x":")" + text + '"';
    texts_.push_back(std::make_unique<std::string>(R"({"id":")" + id + '"' + rest + '}'));
    DecodedEvent event = support::EventWithId(*texts_.back(), id);
    if (!source.empty()) {
      sources_.push_back(std::make_unique<std::string>(source));
      event.source = support::StringMember(*sources_.back());
    }
    return event;
  }
  std::vector<DecodedEvent> Events(const std::vector<std::string>& ids) {
    std::vector<DecodedEvent> events;
    for (const std::string& id : ids) {
      events.push_back(Event(id));
      events.back().index = static_cast<uint32_t>(events.size() - 1);
    }
    return events;
  }

  IngestResult Accept(const std::vector<DecodedEvent>& events, AckLevel ack = AckLevel::kMemory) {
    return ingest_.Accept(events, {}, {}, Handling::kLenient, ack, submission_);
  }
  IngestResult AcceptOf(ClientIdentity client, const std::vector<DecodedEvent>& events) {
    return ingest_.Accept(events, {}, {.identity = client}, Handling::kLenient, AckLevel::kMemory,
                          submission_);
  }
  IngestResult Send(const std::vector<std::string>& ids, AckLevel ack = AckLevel::kMemory) {
    return Accept(Events(ids), ack);
  }
  // Indexes of the events of the last request's batch that were repeats.
  std::vector<uint32_t> Repeats() const {
    std::vector<uint32_t> events;
    for (const Repeat& repeat : submission_.dedup.repeats) events.push_back(repeat.event);
    return events;
  }
  std::vector<uint32_t> Numbers() const {
    std::vector<uint32_t> numbers;
    for (const Repeat& repeat : submission_.dedup.repeats) numbers.push_back(repeat.result);
    return numbers;
  }
  uint64_t Stored() const { return journal_.Stats().events; }
  void Deliver(const Positions& positions) {
    settler_.Deliver(positions);
    settled_ += positions.size();
  }
  Waiters Completed() { return support::TakeCompleted(*queue_); }

  void TearDown() override {
    const auto counts = telemetry_.Read();
    EXPECT_EQ(counts.received, counts.accepted + counts.Rejected() + counts.deduplicated);
    EXPECT_EQ(counts.accepted, Stored() + settled_);
  }

  support::VirtualClock clock_;
  support::RecordingTelemetry telemetry_;
  support::RecordingLog log_;
  DrainRate drain_rate_;
  TopicLimits topic_limits_;
  TokenBucket bucket_{0, 1};
  IdempotencyWindow window_{{.ids = {.events_max = 400, .request_events_max = 600}, .key = {1, 2}}};
  MemoryJournal memory_{
      {.events_max = 500, .bytes_max = 1 << 20, .lanes = 1, .awaited_events_max = 20, .window = &window_}};
  support::DurableJournal journal_{memory_};
  support::EventSettler settler_{journal_};
  uint64_t settled_ = 0;
  const std::shared_ptr<CompletionQueue> queue_ = std::make_shared<CompletionQueue>([] {});
  support::WaitingRequest request_{journal_, queue_};
  Ingest ingest_{{},         bucket_,  journal_, drain_rate_, topic_limits_, clock_,
                 telemetry_, &window_, nullptr,  nullptr,     &log_};
  IngestContext submission_{1};
  std::vector<std::unique_ptr<std::string>> texts_;
  std::vector<std::unique_ptr<std::string>> sources_;
};

TEST_F(IngestRepeatsTest, ARepeatIsAcceptedAndNotStored) {
  ASSERT_EQ(Send({"a", "b", "c"}).status, IngestStatus::kAccepted);
  EXPECT_TRUE(Repeats().empty());
  ASSERT_EQ(Send({"x", "b", "y", "a"}).status, IngestStatus::kAccepted);
  EXPECT_EQ(Repeats(), (std::vector<uint32_t>{1, 3}));
  EXPECT_EQ(submission_.batch.Size(), 4U);
  EXPECT_EQ(submission_.batch.RawId(1), "b");
  EXPECT_EQ(Stored(), 5U);
  EXPECT_EQ(telemetry_.Read().deduplicated, 2U);
  std::vector<JournalEvent> taken(10);
  ASSERT_EQ(journal_.Take(0, taken), 5U);
  EXPECT_EQ(taken[3].value, R"({"id":"x"})");
  EXPECT_EQ(taken[4].value, R"({"id":"y"})");
}

TEST_F(IngestRepeatsTest, ARequestOfRepeatsOnlyStoresNothing) {
  ASSERT_EQ(Send({"a"}).status, IngestStatus::kAccepted);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Send({"a", "a"}).status, IngestStatus::kAccepted);
  EXPECT_EQ(Stored(), 1U);
  EXPECT_EQ(telemetry_.Read().deduplicated, 6U);
}

TEST_F(IngestRepeatsTest, AnIdTwiceInARequestIsStoredOnce) {
  ASSERT_EQ(Send({"a", "b", "a", "c", "b"}).status, IngestStatus::kAccepted);
  EXPECT_EQ(Repeats(), (std::vector<uint32_t>{2, 4}));
  EXPECT_EQ(Numbers(), (std::vector<uint32_t>{0, 1})) << "those of the first events with the ids";
  EXPECT_EQ(Stored(), 3U);
}

TEST_F(IngestRepeatsTest, TheSameIdOfAnotherSourceIsAnotherEvent) {
  ASSERT_EQ(Accept({Event("1"), Event("1", "shop"), Event("1", "till"), Event("1", "shop")}).status,
            IngestStatus::kAccepted);
  EXPECT_EQ(Repeats(), std::vector<uint32_t>{3});
  EXPECT_EQ(Accept({Event("bc", "a"), Event("c", "ab")}).status, IngestStatus::kAccepted);
  EXPECT_TRUE(Repeats().empty()) << "the end of the source is significant";
  DecodedEvent number = Event("1");
  number.source.kind = Member::Kind::kOther;
  ASSERT_EQ(Accept({number}).status, IngestStatus::kAccepted);
  EXPECT_EQ(Repeats(), std::vector<uint32_t>{0}) << "a source that is not a string is ignored";
}

TEST_F(IngestRepeatsTest, GeneratedIdsAreNeverRepeats) {
  DecodedEvent bare;
  bare.json = R"({"type":"t"})";
  bare.type = support::StringMember("t");
  for (int i = 0; i < 3; ++i) ASSERT_EQ(Accept({bare, Event("a"), bare}).status, IngestStatus::kAccepted);
  EXPECT_EQ(Stored(), 7U);
  EXPECT_EQ(Repeats(), std::vector<uint32_t>{1});
  EXPECT_EQ(window_.Size(), 1U);
}

// --- ids that several events have

TEST_F(IngestRepeatsTest, TheSameIdOfAnotherClientIsAnotherEvent) {
  for (const ClientIdentity client : {kNoClient, IdentityOf("a"), IdentityOf("b")}) {
    ASSERT_EQ(AcceptOf(client, {Event("1")}).status, IngestStatus::kAccepted);
    EXPECT_TRUE(Repeats().empty()) << "another client's event is never a repeat";
    ASSERT_EQ(AcceptOf(client, {Event("1")}).status, IngestStatus::kAccepted);
    EXPECT_EQ(Repeats(), std::vector<uint32_t>{0});
  }
  EXPECT_EQ(Stored(), 3U);
  EXPECT_EQ(telemetry_.Read().id_conflicts, 0U);
}

TEST_F(IngestRepeatsTest, OtherBytesUnderAKnownIdAreAnotherEvent) {
  ASSERT_EQ(Accept({Event("2", {}, "host a")}).status, IngestStatus::kAccepted);
  ASSERT_EQ(Accept({Event("2", {}, "host b")}).status, IngestStatus::kAccepted);
  EXPECT_TRUE(Repeats().empty());
  EXPECT_EQ(Stored(), 2U);
  EXPECT_EQ(telemetry_.Read().id_conflicts, 1U);
  EXPECT_EQ(log_.Count("WARN"), 1U);
  ASSERT_EQ(Accept({Event("2", {}, "host a")}).status, IngestStatus::kAccepted);
  EXPECT_EQ(Repeats(), std::vector<uint32_t>{0}) << "each of them can be repeated";
  ASSERT_EQ(Accept({Event("2", {}, "host b")}).status, IngestStatus::kAccepted);
  EXPECT_EQ(Repeats(), std::vector<uint32_t>{0});
  EXPECT_EQ(Stored(), 2U);
  EXPECT_EQ(telemetry_.Read().id_conflicts, 1U);
}

TEST_F(IngestRepeatsTest, OtherBytesUnderOneIdInARequestAreAnotherEvent) {
  ASSERT_EQ(Accept({Event("2", {}, "host a"), Event("2", {}, "host b"), Event("2", {}, "host a")}).status,
            IngestStatus::kAccepted);
  EXPECT_EQ(Repeats(), std::vector<uint32_t>{2});
  EXPECT_EQ(Stored(), 2U);
  EXPECT_EQ(telemetry_.Read().id_conflicts, 1U);
}

// The timestamp that the service adds differs each time.
TEST_F(IngestRepeatsTest, AddedMembersDoNotMakeAnotherEvent) {
  for (int i = 0; i < 2; ++i) {
    std::vector<DecodedEvent> events = {Event("a")};
    events.front().timestamp = {};
    ASSERT_EQ(Accept(events).status, IngestStatus::kAccepted);
    clock_.Advance(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(Repeats(), std::vector<uint32_t>{0});
  EXPECT_EQ(Stored(), 1U);
}

TEST_F(IngestRepeatsTest, ARejectedRequestMakesNoConflict) {
  ASSERT_EQ(Accept({Event("2", {}, "host a")}).status, IngestStatus::kAccepted);
  journal_.Close();
  ASSERT_EQ(Accept({Event("2", {}, "host b")}).status, IngestStatus::kShuttingDown);
  EXPECT_EQ(telemetry_.Read().id_conflicts, 0U);
}

TEST_F(IngestRepeatsTest, RejectedEventsAreNotRemembered) {
  auto events = Events({"a", "b"});
  events[0].type = {};
  ASSERT_EQ(Accept(events).status, IngestStatus::kAccepted);
  ASSERT_EQ(Send({"a", "b"}).status, IngestStatus::kAccepted);
  EXPECT_EQ(Repeats(), std::vector<uint32_t>{1});
}

TEST_F(IngestRepeatsTest, ARejectedRequestIsNotRemembered) {
  std::vector<std::string> many;
  for (int i = 0; i < 498; ++i) many.push_back("m" + std::to_string(i));
  ASSERT_EQ(Send(many).status, IngestStatus::kAccepted);
  ASSERT_EQ(Send({"a", "b", "c"}).status, IngestStatus::kJournalFull);
  EXPECT_EQ(telemetry_.Read().rejected.at("journal_full"), 3U);
  EXPECT_EQ(window_.Size(), 400U);
  ASSERT_EQ(Send({"m497", "a"}).status, IngestStatus::kAccepted);
  EXPECT_EQ(Repeats(), std::vector<uint32_t>{0}) << "the rejected events have not displaced any other";
  EXPECT_EQ(Stored(), 499U);
}

TEST_F(IngestRepeatsTest, RepeatsAreAcceptedByAFullJournal) {
  std::vector<std::string> many;
  for (int i = 0; i < 500; ++i) many.push_back("m" + std::to_string(i));
  ASSERT_EQ(Send(many).status, IngestStatus::kAccepted);
  ASSERT_EQ(Send({"new"}).status, IngestStatus::kJournalFull);
  EXPECT_EQ(Send({"m499"}).status, IngestStatus::kAccepted);
}

TEST_F(IngestRepeatsTest, AfterItsTimeAnEventIsNew) {
  ASSERT_EQ(Send({"a"}).status, IngestStatus::kAccepted);
  clock_.Advance(std::chrono::minutes(10));
  ASSERT_EQ(Send({"a"}).status, IngestStatus::kAccepted);
  EXPECT_EQ(Stored(), 1U);
  clock_.Advance(std::chrono::seconds(1));
  ASSERT_EQ(Send({"a"}).status, IngestStatus::kAccepted);
  EXPECT_EQ(Stored(), 2U) << "the time is counted from the first request";
}

// --- level wal

TEST_F(IngestRepeatsTest, AtLevelWalARepeatWaitsForItsEvent) {
  ASSERT_EQ(Send({"a", "b", "c"}).status, IngestStatus::kAccepted);
  submission_.waiter = &request_;
  ASSERT_EQ(Send({"b", "a"}, AckLevel::kWal).status, IngestStatus::kAccepted);
  EXPECT_TRUE(request_.Waits());
  support::WaitingRequest other(journal_, queue_);
  submission_.waiter = &other;
  ASSERT_EQ(Send({"a", "d"}, AckLevel::kWal).status, IngestStatus::kAccepted);
  journal_.MoveDurableEnd(1);
  EXPECT_EQ(Completed(), Waiters{});
  journal_.MoveDurableEnd(3);
  EXPECT_EQ(Completed(), Waiters{&request_});
  journal_.MoveDurableEnd(4);
  EXPECT_EQ(Completed(), Waiters{&other});
  submission_.waiter = &request_;
  ASSERT_EQ(Send({"d"}, AckLevel::kWal).status, IngestStatus::kAccepted);
  EXPECT_FALSE(request_.Waits());
}

TEST_F(IngestRepeatsTest, WhenTheStorageHasFailedNothingIsPromised) {
  ASSERT_EQ(Send({"a"}).status, IngestStatus::kAccepted);
  journal_.Fail();
  EXPECT_EQ(Send({"a"}).status, IngestStatus::kStorageFailed);
}

// --- level broker

TEST_F(IngestRepeatsTest, AtLevelBrokerARepeatOfADeliveredEventDoesNotWait) {
  ASSERT_EQ(Send({"a", "b"}).status, IngestStatus::kAccepted);
  Deliver({0, 1});
  submission_.waiter = &request_;
  ASSERT_EQ(Send({"b", "a"}, AckLevel::kBroker).status, IngestStatus::kAccepted);
  EXPECT_FALSE(request_.Waits());
  EXPECT_EQ(Numbers(), std::vector<uint32_t>(2, Repeat::kDelivered));
}

TEST_F(IngestRepeatsTest, AtLevelBrokerARepeatWaitsForItsEvent) {
  ASSERT_EQ(Send({"a", "b"}).status, IngestStatus::kAccepted);
  Deliver({0});
  submission_.waiter = &request_;
  ASSERT_EQ(Send({"b", "c", "a", "c"}, AckLevel::kBroker).status, IngestStatus::kAccepted);
  ASSERT_TRUE(request_.Waits());
  EXPECT_EQ(Numbers(), (std::vector<uint32_t>{1, Repeat::kDelivered, 0}))
      << "the result of b is after that of c";
  Deliver({2});
  EXPECT_TRUE(Completed().empty());
  Deliver({1});
  EXPECT_EQ(Completed(), Waiters{&request_});
  ASSERT_EQ(request_.Results().size(), 2U);
  EXPECT_EQ(request_.Results()[1].offset, 101);
}

TEST_F(IngestRepeatsTest, TheFirstRequestAndItsRepeatAreCompletedTogether) {
  submission_.waiter = &request_;
  ASSERT_EQ(Send({"a"}, AckLevel::kBroker).status, IngestStatus::kAccepted);
  support::WaitingRequest again(journal_, queue_);
  submission_.waiter = &again;
  ASSERT_EQ(Send({"a"}, AckLevel::kBroker).status, IngestStatus::kAccepted);
  Deliver({0});
  EXPECT_EQ(Completed().size(), 2U);
}

TEST_F(IngestRepeatsTest, ADeadLetteredEventMayBeTriedAgain) {
  ASSERT_EQ(Send({"a"}).status, IngestStatus::kAccepted);
  settler_.Settle({support::EventSettler::DeadLettered(0)});
  ++settled_;
  ASSERT_EQ(Send({"a"}).status, IngestStatus::kAccepted);
  EXPECT_TRUE(Repeats().empty());
  EXPECT_EQ(Stored(), 1U);
}

TEST_F(IngestRepeatsTest, WithTooManyWaitingAtLevelBrokerARepeatIsRejectedToo) {
  submission_.waiter = &request_;
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(std::to_string(i));
  ASSERT_EQ(Send(ids, AckLevel::kBroker).status, IngestStatus::kAccepted);
  support::WaitingRequest again(journal_, queue_);
  submission_.waiter = &again;
  EXPECT_EQ(Send({"0"}, AckLevel::kBroker).status, IngestStatus::kJournalFull);
  EXPECT_FALSE(again.Waits());
}

// --- after a restart

TEST_F(IngestRepeatsTest, RestoredEventsAreRepeatedLikeAnyOther) {
  DecodedEvent bare;
  bare.json = R"({"type":"t"})";
  bare.type = support::StringMember("t");
  ASSERT_EQ(Accept({bare, bare}).status, IngestStatus::kAccepted)
      << "so that the journal has the positions 0 and 1";
  window_.Restore(Event("a"), {.position = 0, .accepted_at = clock_.Now(), .settled = true});
  window_.Restore(Event("b", "shop"), {.position = 1, .accepted_at = clock_.Now(), .settled = false});
  submission_.waiter = &request_;
  ASSERT_EQ(Accept({Event("a"), Event("b", "shop")}, AckLevel::kBroker).status, IngestStatus::kAccepted);
  EXPECT_EQ(Numbers(), (std::vector<uint32_t>{Repeat::kDelivered, 0}));
  Deliver({1});
  EXPECT_EQ(Completed(), Waiters{&request_});
}

TEST_F(IngestRepeatsTest, OfTwoRestoredEventsWithOneIdTheLastApplies) {
  window_.Restore(Event("a"), {.position = 1, .accepted_at = clock_.Now(), .settled = true});
  window_.Restore(Event("a"), {.position = 5, .accepted_at = clock_.Now(), .settled = false});
  submission_.waiter = &request_;
  ASSERT_EQ(Send({"a"}, AckLevel::kBroker).status, IngestStatus::kAccepted);
  EXPECT_TRUE(request_.Waits()) << "the last has not been delivered yet";
}

TEST_F(IngestRepeatsTest, RestoredEventsHaveTheirClientsAndTheirBytes) {
  const ClientIdentity client = IdentityOf("a");
  for (const std::string text : {"host a", "host b"}) {
    const DecodedEvent event = Event("2", {}, text);
    const uint64_t position = text.back() == 'a' ? 10 : 11;
    window_.Restore(event, {.position = position,
                            .accepted_at = clock_.Now(),
                            .settled = true,
                            .client = client,
                            .written = IdempotencyWindow::Written(event.json)});
  }
  for (const std::string text : {"host a", "host b"}) {
    ASSERT_EQ(AcceptOf(client, {Event("2", {}, text)}).status, IngestStatus::kAccepted);
    EXPECT_EQ(Repeats(), std::vector<uint32_t>{0}) << text;
  }
  ASSERT_EQ(AcceptOf(IdentityOf("b"), {Event("2", {}, "host a")}).status, IngestStatus::kAccepted);
  EXPECT_TRUE(Repeats().empty());
  ASSERT_EQ(AcceptOf(client, {Event("2", {}, "host c")}).status, IngestStatus::kAccepted);
  EXPECT_TRUE(Repeats().empty());
  EXPECT_EQ(telemetry_.Read().id_conflicts, 1U);
}

TEST_F(IngestRepeatsTest, RestoredEventsAgeFromTheirAcceptance) {
  window_.Restore(Event("a"),
                  {.position = 1, .accepted_at = clock_.Now() - std::chrono::minutes(11), .settled = true});
  window_.Restore(Event("b"),
                  {.position = 2, .accepted_at = clock_.Now() - std::chrono::minutes(4), .settled = true});
  ASSERT_EQ(Send({"a", "b"}).status, IngestStatus::kAccepted);
  EXPECT_EQ(Repeats(), std::vector<uint32_t>{1});
}

// --- threads

TEST_F(IngestRepeatsTest, AnEventThatSeveralThreadsSendIsStoredOnce) {
  std::vector<std::thread> threads;
  std::vector<std::string> ids;
  for (int i = 0; i < 300; ++i) ids.push_back("e" + std::to_string(i));
  const auto events = Events(ids);
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      IngestContext own(t);
      for (size_t at = 0; at < events.size();) {
        const size_t count = std::min<size_t>(1 + (at + t) % 5, events.size() - at);
        const auto result = ingest_.Accept(std::span(events).subspan(at, count), {}, {}, Handling::kLenient,
                                           AckLevel::kMemory, own);
        ASSERT_EQ(result.status, IngestStatus::kAccepted);
        at += count;
      }
    });
  }
  threads.emplace_back([&] {
    while (settled_ < 300) {
      const auto some = support::Take(journal_, 0);
      support::Settle(journal_, some);
      settled_ += some.size();
      if (some.empty()) std::this_thread::yield();
    }
  });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(Stored(), 0U);
  EXPECT_EQ(telemetry_.Read().deduplicated, 3 * 300U);
}

TEST_F(IngestRepeatsTest, ARepeatDuringTheDeliveryIsCompleted) {
  submission_.waiter = &request_;
  int waited = 0;
  for (uint64_t position = 0; position < 300; ++position) {
    const std::string id = "e" + std::to_string(position);
    ASSERT_EQ(Send({id}).status, IngestStatus::kAccepted);
    std::thread worker([&] { Deliver({position}); });
    const auto status = Send({id}, AckLevel::kBroker).status;
    worker.join();
    ASSERT_EQ(status, IngestStatus::kAccepted);
    if (!request_.Waits()) continue;
    ++waited;
    ASSERT_EQ(Completed(), Waiters{&request_});
  }
  RecordProperty("waited", waited);
}

}  // namespace
}  // namespace ei
