// Contract tests for journals that limit the number of events in addition to their bytes.

#include <gtest/gtest.h>

#include "contract/journal_contract.h"

namespace ei::contract {
namespace {

INSTANTIATE_TEST_SUITE_P(Adapters, BoundedEvents, ::testing::ValuesIn(MakersThatBoundEvents()),
                         [](const auto& maker) { return maker.param.name; });

TEST_P(BoundedEvents, BatchBeyondTheEventsLeftIsRefusedWhole) {
  Open({.events_max = 10, .lanes = 2});
  for (int i = 0; i < 8; ++i) ASSERT_EQ(Append("a", "k"), AppendResult::kAppended);
  EventBatch batch;
  for (const char* label : {"x", "y", "z"}) Add(batch, label, label);
  EXPECT_EQ(journal_->Append(batch, now_), AppendResult::kFull);
  EXPECT_EQ(journal_->Stats().events, 8U);
  EXPECT_EQ(TakeAllLanes().size(), 8U);
  EXPECT_EQ(Append("b", "k"), AppendResult::kAppended) << "two small ones still fit";
  EXPECT_EQ(Append("c", "k"), AppendResult::kAppended);
  EXPECT_EQ(Append("d", "k"), AppendResult::kFull);
}

TEST_P(BoundedEvents, BatchThatCanNeverFitIsNotReportedAsFull) {
  Open({.events_max = 10, .bytes_max = 1 << 20, .lanes = 1});
  EventBatch many;
  for (int i = 0; i < 11; ++i) Add(many, "a", "k");
  EXPECT_EQ(journal_->Append(many, now_), AppendResult::kTooLarge);
  EXPECT_EQ(Append("a", "k", (1 << 20) + 1), AppendResult::kTooLarge);
  for (int i = 0; i < 10; ++i) ASSERT_EQ(Append("a", "k"), AppendResult::kAppended);
  EXPECT_EQ(journal_->Append(many, now_), AppendResult::kTooLarge) << "also while full";
  EXPECT_EQ(Append("a", "k"), AppendResult::kFull);
}

TEST_P(BoundedEvents, CrowdedIsMoreThanAQuarterNotSettled) {
  Open({.events_max = 8, .lanes = 1});
  EXPECT_FALSE(journal_->AboveHighWatermark());
  for (int i = 0; i < 2; ++i) ASSERT_EQ(Append("a", "k"), AppendResult::kAppended);
  EXPECT_FALSE(journal_->AboveHighWatermark());
  ASSERT_EQ(Append("a", "k"), AppendResult::kAppended);
  EXPECT_TRUE(journal_->AboveHighWatermark());
  auto events = Take(0);
  EXPECT_TRUE(journal_->AboveHighWatermark());
  events.erase(events.begin() + 1, events.end());
  Settle(events);
  EXPECT_FALSE(journal_->AboveHighWatermark());
}

TEST_P(BoundedEvents, FullSaysSoUntilSomethingIsSettled) {
  Open({.events_max = 3, .lanes = 1});
  EXPECT_FALSE(journal_->Full(1'000'000));
  for (int i = 0; i < 3; ++i) ASSERT_EQ(Append("a", "k"), AppendResult::kAppended);
  ASSERT_EQ(Append("a", "k"), AppendResult::kFull);
  EXPECT_TRUE(journal_->Full(0)) << "no space left, for any size";
  auto events = Take(0);
  EXPECT_TRUE(journal_->Full(0)) << "taken is not settled";
  events.erase(events.begin() + 1, events.end());
  Settle(events);
  EXPECT_FALSE(journal_->Full(0));
  EXPECT_FALSE(journal_->Full(1'000'000));
  EXPECT_EQ(Append("a", "k"), AppendResult::kAppended);
}

TEST_P(BoundedEvents, LargeBatchRejectedBlocksOnlyLargeBatches) {
  Open({.events_max = 10, .lanes = 1});
  for (int i = 0; i < 5; ++i) ASSERT_EQ(Append("a", "k"), AppendResult::kAppended);
  EventBatch batch;
  for (int i = 0; i < 7; ++i) Add(batch, "bbbb", "k");
  ASSERT_EQ(journal_->Append(batch, now_), AppendResult::kFull);
  EXPECT_FALSE(journal_->Full(0));
  EXPECT_FALSE(journal_->Full(batch.ClientBytes() - 1));
  EXPECT_TRUE(journal_->Full(batch.ClientBytes()));
  EXPECT_TRUE(journal_->Full(batch.ClientBytes() + 1'000));
  auto events = Take(0);
  events.erase(events.begin() + 2, events.end());
  Settle(events);
  EXPECT_FALSE(journal_->Full(batch.ClientBytes())) << "seven are free now";
  EXPECT_EQ(journal_->Append(batch, now_), AppendResult::kAppended);
}

// One free slot is enough for a small request, even if a large request was rejected before.
TEST_P(BoundedEvents, LargeBatchRejectedByAFullJournalDoesNotBlockSmallOnes) {
  Open({.events_max = 10, .lanes = 1});
  for (int i = 0; i < 10; ++i) ASSERT_EQ(Append("a", "k"), AppendResult::kAppended);
  EventBatch batch;
  for (int i = 0; i < 8; ++i) Add(batch, "bbbb", "k");
  ASSERT_EQ(journal_->Append(batch, now_), AppendResult::kFull);
  EXPECT_TRUE(journal_->Full(0));
  auto events = Take(0);
  events.erase(events.begin() + 1, events.end());
  Settle(events);
  EXPECT_FALSE(journal_->Full(0));
  EXPECT_FALSE(journal_->Full(1));
  EXPECT_EQ(Append("c", "k"), AppendResult::kAppended);
}

}  // namespace
}  // namespace ei::contract
