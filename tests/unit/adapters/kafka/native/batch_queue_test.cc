#include "adapters/kafka/native/batch_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace ei::kafka::native {
namespace {

class BatchQueueTest : public ::testing::Test {
 protected:
  Batch& Open(size_t bytes_max, bool dead_letters = false) {
    return queue_.Open(100, bytes_max, dead_letters, wire::Codec::kNone, {}, 0);
  }
  static void Fill(Batch& batch) { batch.records.Append(std::nullopt, std::string(100, 'v'), {}); }

  BatchQueue queue_;
};

TEST_F(BatchQueueTest, RecordsJoinTheNewestBatchUntilItIsSentOrFull) {
  Batch& first = Open(300);
  Fill(first);
  EXPECT_EQ(&Open(300), &first);
  Batch& second = Open(200);
  EXPECT_NE(&second, &first) << "it would be too large";
  EXPECT_EQ(queue_.Size(), 2U);
  second.sealed = true;
  EXPECT_NE(&Open(200), &second) << "it was sent";
}

TEST_F(BatchQueueTest, EventsAndDeadLettersShareNoBatch) {
  Batch& events = Open(1'000'000);
  EXPECT_NE(&Open(1'000'000, /*dead_letters=*/true), &events);
}

TEST_F(BatchQueueTest, OnlyBatchesThatWereNeverSentAreTakenBack) {
  Batch& sent = Open(300);
  Fill(sent);
  sent.sealed = true;
  Fill(Open(300));
  EXPECT_EQ(queue_.TakeUnsent().size(), 1U);
  ASSERT_EQ(queue_.Size(), 1U);
  EXPECT_EQ(&queue_[0], &sent);
}

TEST_F(BatchQueueTest, ABatchHoldsAnotherQueueBackUntilItIsReleased) {
  BatchQueue other;
  Batch& batch = Open(300);
  other.HoldBack(batch);
  other.HoldBack(batch);
  EXPECT_TRUE(other.IsHeldBack());
  EXPECT_FALSE(queue_.IsHeldBack());
  BatchQueue::Release(batch);
  EXPECT_FALSE(other.IsHeldBack());
}

}  // namespace
}  // namespace ei::kafka::native
