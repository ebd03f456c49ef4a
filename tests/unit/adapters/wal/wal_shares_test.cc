// What clients share of the log in addition to the disk: the memory of unsynced events and the prepared
// segments.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/wal/wal_journal.h"
#include "support/events.h"
#include "support/null_log.h"
#include "support/sim_disk.h"
#include "support/stepped_wal.h"
#include "support/taken_events.h"
#include "support/virtual_clock.h"

namespace ei::wal {
namespace {

class WalShares : public ::testing::Test {
 protected:
  void Open(WalOptions options) {
    ClientShares::Options shared;
    shared.capacities[static_cast<size_t>(Shared::kJournalBytes)] = options.ShareableBytes();
    shared.capacities[static_cast<size_t>(Shared::kUnsyncedBytes)] = options.UnsyncedBytesMax();
    shares_ = std::make_unique<ClientShares>(shared);
    options.shares = shares_.get();
    journal_ = std::move(WalJournal::Open(options, *folder_, clock_, log_, 1).value());
    flood_ = Enter("flood");
    small_ = Enter("small");
  }

  ClientShares::ClientHandle Enter(std::string_view identity) {
    ClientShares::ClientHandle handle = shares_->Enter(identity, clock_.Now());
    shares_->NoteSender(handle.Client(), clock_.Now());
    return handle;
  }

  AppendResult Append(const ClientShares::ClientHandle& client, size_t bytes) {
    EventBatch batch;
    batch.Clear(client.Client());
    support::AddRawEvent(batch, "e", "k", bytes);
    return journal_->Append(batch, clock_.Now()).result;
  }

  support::SimDisk disk_{1};
  const std::unique_ptr<Directory> folder_ = disk_.Mount();
  support::VirtualClock clock_;
  support::NullLog log_;
  std::unique_ptr<ClientShares> shares_;
  std::unique_ptr<WalJournal> journal_;
  ClientShares::ClientHandle flood_;
  ClientShares::ClientHandle small_;
};

TEST_F(WalShares, TheLastEighthOfTheMemoryForUnsyncedEventsIsReserved) {
  Open({.bytes_max = 8 << 20, .segment_bytes = 1 << 20, .window_bytes_max = 256 << 10});
  AppendResult result = AppendResult::kAppended;
  while ((result = Append(flood_, 1'000)) == AppendResult::kAppended) {
  }
  EXPECT_EQ(result, AppendResult::kOverShare);
  EXPECT_EQ(Append(small_, 5'000), AppendResult::kAppended);
  EXPECT_EQ(journal_->Commit(), Work::kDone);
  EXPECT_EQ(shares_->Held(flood_.Client(), Shared::kUnsyncedBytes), 0U);
  EXPECT_EQ(Append(flood_, 1'000), AppendResult::kAppended);
  EXPECT_EQ(journal_->Commit(), Work::kDone);
  ASSERT_EQ(journal_->Commit(), Work::kIdle);
  EXPECT_EQ(Append(flood_, 63'000), AppendResult::kAppended) << "one batch is always accepted";
}

// The next segment is not there yet, though the disk has room for some.
TEST_F(WalShares, TheEndOfThePreparedSpaceIsReserved) {
  Open({.bytes_max = 8 << 20, .segment_bytes = 64 << 10, .window_bytes_max = 16 << 20});
  AppendResult result = AppendResult::kAppended;
  while ((result = Append(flood_, 1'000)) == AppendResult::kAppended) {
  }
  EXPECT_EQ(result, AppendResult::kOverShare);
  EXPECT_GT(shares_->Left(Shared::kJournalBytes), 7U << 20);
  for (int i = 0; i < 6; ++i) ASSERT_EQ(Append(small_, 1'000), AppendResult::kAppended) << i;
  support::RunIdle(*journal_);
  EXPECT_EQ(Append(flood_, 1'000), AppendResult::kAppended);
}

TEST_F(WalShares, APreparedSegmentIsUsedUpToItsReservedEnd) {
  Open({.bytes_max = 8 << 20, .segment_bytes = 64 << 10, .window_bytes_max = 16 << 20});
  AppendResult result = AppendResult::kAppended;
  while ((result = Append(flood_, 100)) == AppendResult::kAppended) {
    ASSERT_EQ(journal_->Commit(), Work::kDone) << "so each takes one sector";
  }
  EXPECT_EQ(result, AppendResult::kOverShare);
  constexpr uint64_t kReserved = (64 << 10) / ClientShares::kReserveFraction;
  EXPECT_EQ(shares_->Held(flood_.Client(), Shared::kJournalBytes), (64U << 10) - kReserved);
}

// A used part of a segment can't be used again before the whole segment is full, so no client is charged for
// that.
TEST_F(WalShares, DeliveredEventsAreChargedToNoClientUntilTheirSegmentIsReleased) {
  Open({.bytes_max = 256 << 10, .segment_bytes = 128 << 10});
  for (int i = 0; i < 50; ++i) ASSERT_EQ(Append(flood_, 2'000), AppendResult::kAppended);
  support::RunIdle(*journal_);
  const auto events = support::Take(*journal_, 0);
  ASSERT_EQ(events.size(), 50U);
  support::Settle(*journal_, events);
  support::RunIdle(*journal_);
  EXPECT_EQ(shares_->Held(flood_.Client(), Shared::kJournalBytes), 0U);
  EXPECT_GT(shares_->Held(0, Shared::kJournalBytes), 100'000U);
  EXPECT_LT(shares_->Left(Shared::kJournalBytes), 160U << 10);
  while (Append(flood_, 2'000) == AppendResult::kAppended) support::RunIdle(*journal_);
  EXPECT_EQ(Append(small_, 10'000), AppendResult::kAppended);
}

}  // namespace
}  // namespace ei::wal
