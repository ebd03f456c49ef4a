#include "adapters/http/ack_queue.h"

#include <gtest/gtest.h>

#include <vector>

#include "adapters/memory_journal/memory_journal.h"
#include "support/durable_journal.h"
#include "support/events.h"

namespace ei::http {
namespace {

// The turns that the loop was asked for are counted by running them.
class AckQueueTest : public testing::Test {
 protected:
  AckQueueTest() {
    journal_.OnLaneFilled([](size_t) {});
    journal_.OnDurable([this] { durable_.CallAll(); });
  }

  std::unique_ptr<PendingAck> EnterWal(uint64_t end) {
    auto pending = queue_.New();
    pending->level = domain::AckLevel::kWal;
    pending->end = end;
    queue_.Enter(*pending);
    return pending;
  }
  std::unique_ptr<PendingAck> EnterBroker() {
    auto pending = queue_.New();
    pending->level = domain::AckLevel::kBroker;
    domain::EventBatch batch;
    support::AddRawEvent(batch, "e", "k", 0);
    EXPECT_EQ(receipts_.Append(journal_, batch, {}, {}, *pending), app::AppendResult::kAppended);
    queue_.Enter(*pending);
    return pending;
  }

  memory_journal::MemoryJournal memory_{{.events_max = 100, .bytes_max = 1 << 20, .lanes = 1}};
  support::DurableJournal journal_{memory_};
  app::WakeList durable_;
  app::Receipts receipts_{100};
  boost::asio::io_context context_{1};
  AckQueue queue_{{journal_, durable_, receipts_}, context_};
};

TEST_F(AckQueueTest, ManyNewsAreOneTurnOfTheLoop) {
  const auto waiting = EnterWal(100);
  for (uint64_t end = 1; end <= 50; ++end) journal_.MoveDurableEnd(end);
  EXPECT_EQ(context_.poll(), 1U);
  context_.restart();
  for (uint64_t end = 51; end < 100; ++end) journal_.MoveDurableEnd(end);
  EXPECT_EQ(context_.poll(), 1U);
  EXPECT_EQ(waiting->outcome, AckOutcome::kAwaited);
}

TEST_F(AckQueueTest, NewsThatNobodyWaitsForAreNoTurn) {
  journal_.MoveDurableEnd(1);
  EXPECT_EQ(context_.poll(), 0U);
  queue_.Return(EnterWal(100));
  journal_.MoveDurableEnd(2);
  context_.restart();
  EXPECT_EQ(context_.poll(), 1U) << "only now the loop notices that nobody is left";
  context_.restart();
  for (uint64_t end = 3; end < 50; ++end) journal_.MoveDurableEnd(end);
  EXPECT_EQ(context_.poll(), 0U);
  const auto broker = EnterBroker();
  journal_.MoveDurableEnd(60);
  EXPECT_EQ(context_.poll(), 0U) << "that one waits for something else";
}

TEST_F(AckQueueTest, NewsBeforeARequestJoinsAreSeenAsItJoins) {
  journal_.MoveDurableEnd(1);
  journal_.MoveDurableEndSilently(7);
  EXPECT_EQ(EnterWal(7)->outcome, AckOutcome::kCame);
  journal_.Fail();
  EXPECT_EQ(EnterWal(7)->outcome, AckOutcome::kCame);
  EXPECT_EQ(EnterWal(8)->outcome, AckOutcome::kStorageFailed);
}

TEST_F(AckQueueTest, NewsThatNobodyHeardDoNotKeepTheNextFromBeingHeard) {
  journal_.MoveDurableEnd(1);
  const auto waiting = EnterWal(100);
  journal_.MoveDurableEnd(2);
  EXPECT_EQ(context_.poll(), 1U);
}

TEST_F(AckQueueTest, FinishedReceiptsAreOneTurnOfTheLoop) {
  std::vector<std::unique_ptr<PendingAck>> waiting;
  for (int i = 0; i < 10; ++i) waiting.push_back(EnterBroker());
  for (auto& pending : waiting) pending->Cancel();
  waiting.clear();
  for (int i = 0; i < 10; ++i) waiting.push_back(EnterBroker());
  for (uint64_t position = 0; position < 20; ++position)
    receipts_.Tell(std::vector<app::SettledEvent>{{position, {}}});
  for (auto& pending : waiting) pending->Cancel();
  EXPECT_EQ(context_.poll(), 1U);
}

TEST_F(AckQueueTest, AfterTheCloseThereIsNoTurn) {
  const auto wal = EnterWal(100);
  const auto broker = EnterBroker();
  queue_.Close();
  journal_.MoveDurableEnd(1);
  receipts_.Tell(std::vector<app::SettledEvent>{{0, {}}});
  EXPECT_EQ(context_.poll(), 0U);
}

TEST_F(AckQueueTest, RecordsAreUsedAgainAndEmpty) {
  auto pending = EnterWal(100);
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
