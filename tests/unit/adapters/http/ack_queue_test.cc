#include "adapters/http/ack_queue.h"

#include <gtest/gtest.h>

#include <vector>

#include "journal/memory_journal.h"
#include "support/durable_journal.h"
#include "support/event_settler.h"
#include "support/events.h"

namespace ei::http {
namespace {

// Counts the turns that were requested of the loop by running them.
class AckQueueTest : public testing::Test {
 protected:
  AckQueueTest() {
    journal_.OnLaneFilled([](size_t) {});
  }

  std::unique_ptr<PendingAck> Append(AckLevel ack) {
    auto pending = queue_.New();
    EventBatch batch;
    support::AddRawEvent(batch, "e", "k", 0);
    EXPECT_EQ(journal_.Append({.batch = batch, .ack = ack, .waiter = pending.get()}, {}),
              AppendResult::kAppended);
    EXPECT_TRUE(pending->Waits());
    return pending;
  }
  static constexpr auto kWal = AckLevel::kWal;
  static constexpr auto kBroker = AckLevel::kBroker;

  MemoryJournal memory_{{.events_max = 100, .bytes_max = 1 << 20, .lanes = 1}};
  support::DurableJournal journal_{memory_};
  support::EventSettler settler_{journal_};
  boost::asio::io_context context_{1};
  AckQueue queue_{journal_, context_};
};

TEST_F(AckQueueTest, CompletionsWithoutAWaiterTakeNoTurn) {
  queue_.Return(Append(kWal));
  const auto waiting = Append(kWal);
  journal_.MoveDurableEnd(1);
  EXPECT_EQ(context_.poll(), 0U);
}

TEST_F(AckQueueTest, ManyThatAreCompletedAreOneTurnOfTheLoop) {
  std::vector<std::unique_ptr<PendingAck>> waiting;
  for (int i = 0; i < 10; ++i) waiting.push_back(Append(i % 2 == 0 ? kWal : kBroker));
  for (uint64_t position = 0; position < 10; ++position) {
    journal_.MoveDurableEnd(position + 1);
    settler_.Deliver({position});
  }
  for (auto& pending : waiting) queue_.Return(std::move(pending));
  EXPECT_EQ(context_.poll(), 1U);
}

TEST_F(AckQueueTest, AfterTheCloseThereIsNoTurn) {
  const auto wal = Append(kWal);
  const auto broker = Append(kBroker);
  queue_.Close();
  journal_.MoveDurableEnd(1);
  settler_.Deliver({1});
  EXPECT_EQ(context_.poll(), 0U);
}

TEST_F(AckQueueTest, RecordsAreUsedAgainAndEmpty) {
  auto pending = Append(kWal);
  PendingAck* const record = pending.get();
  pending->outcome = AckOutcome::kTimedOut;
  pending->AddEvent(3, "id", 0, false);
  pending->reply.body = "body";
  pending->rejections = "{}";
  pending->rejected = 1;
  pending->batch = true;
  queue_.Return(std::move(pending));
  pending = queue_.New();
  EXPECT_EQ(pending.get(), record);
  EXPECT_EQ(pending->outcome, AckOutcome::kAwaited);
  EXPECT_TRUE(pending->events.empty() && pending->ids.empty() && pending->rejections.empty());
  EXPECT_EQ(pending->reply.body, "");
  EXPECT_EQ(pending->rejected, 0U);
  EXPECT_FALSE(pending->batch);
}

}  // namespace
}  // namespace ei::http
