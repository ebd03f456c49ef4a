#include "adapters/wal/checkpoint.h"

#include <gtest/gtest.h>

#include <limits>

#include "adapters/wal/little_endian.h"
#include "base/crc32c.h"
#include "support/sim_disk.h"

namespace ei::wal {
namespace {

using support::DiskCall;
using support::DiskFault;
using support::SimDisk;

Checkpoint At(uint64_t number) {
  Checkpoint checkpoint{.durable_end = 100 * number, .next_segment = number, .settled = SettledMap(number)};
  checkpoint.settled.Mark(number + 10, number + 20);
  return checkpoint;
}

class CheckpointTest : public testing::Test {
 protected:
  CheckpointFile Open(const Checkpoint& first = Checkpoint()) {
    auto file = CheckpointFile::Renew(*folder_, first);
    EXPECT_TRUE(file);
    EXPECT_TRUE(folder_->Sync());
    return std::move(*file);
  }

  // The number that the newest sound checkpoint was made from (see At); 0: there is none.
  uint64_t Number() {
    const auto found = CheckpointFile::Read(*folder_);
    EXPECT_TRUE(found);
    if (!found || !*found) return 0;
    const Checkpoint& checkpoint = **found;
    EXPECT_EQ(checkpoint.durable_end, 100 * checkpoint.next_segment);
    EXPECT_EQ(checkpoint.settled.Below(), checkpoint.next_segment);
    EXPECT_EQ(checkpoint.settled.Runs(), At(checkpoint.next_segment).settled.Runs());
    return checkpoint.next_segment;
  }

  void Crash() {
    disk_.Crash();
    folder_ = disk_.Mount();
  }

  SimDisk disk_{1, {.tearing = support::Tearing::kWholeSector}};
  std::unique_ptr<Directory> folder_ = disk_.Mount();
};

TEST_F(CheckpointTest, NewFileHoldsTheFirstOneAndItsSpace) {
  EXPECT_EQ(Number(), 0U) << "without a file";
  Open(At(3));
  Crash();
  EXPECT_EQ(Number(), 3U);
  EXPECT_EQ(disk_.Durable(kCheckpointName).size(), 2 * kCheckpointSlotBytes) << "its space is allocated";
}

TEST_F(CheckpointTest, NewestComesBackAcrossReopenings) {
  Open(At(1));
  for (uint64_t number = 2; number <= 5; ++number) {
    auto file = CheckpointFile::Reuse(*folder_);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->Save(At(number)));
    Crash();
    EXPECT_EQ(Number(), number);
  }
}

TEST_F(CheckpointTest, CrashWhileItIsReplacedLeavesThePreviousOne) {
  uint64_t replaced = 0;
  for (uint64_t calls = 1; calls < 12; ++calls) {
    SimDisk disk(calls, {.tearing = support::Tearing::kWholeSector, .name_loss = support::NameLoss::kAny});
    auto folder = disk.Mount();
    ASSERT_TRUE(CheckpointFile::Renew(*folder, At(1)));
    ASSERT_TRUE(folder->Sync());
    disk.StopAfter(calls);
    static_cast<void>(CheckpointFile::Renew(*folder, At(2)));
    disk.Crash();
    folder = disk.Mount();
    const auto found = CheckpointFile::Read(*folder);
    ASSERT_TRUE(found && *found) << calls;
    replaced += (*found)->next_segment == 2 ? 1 : 0;
    EXPECT_TRUE((*found)->next_segment == 1 || (*found)->next_segment == 2) << calls;
    EXPECT_EQ(disk.Durable(kCheckpointName).size(), 2 * kCheckpointSlotBytes);
  }
  EXPECT_LT(replaced, 11U);
}

TEST_F(CheckpointTest, TornNewestSlotFallsBackToTheOneBefore) {
  uint64_t fell_back = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SimDisk disk(seed, {.tearing = support::Tearing::kWholeSector});
    auto folder = disk.Mount();
    auto file = CheckpointFile::Renew(*folder, At(0));
    ASSERT_TRUE(file);
    ASSERT_TRUE(folder->Sync());
    Checkpoint large = At(1);
    for (uint64_t run = 0; run < 1'000; ++run) large.settled.Mark(1'000 + 3 * run, 1'001 + 3 * run);
    ASSERT_TRUE(file->Save(large));
    large.next_segment = 2;
    disk.FailNth(DiskCall::kSync, 1, DiskFault::kEio);
    ASSERT_FALSE(file->Save(large));
    disk.Crash();
    folder = disk.Mount();
    const auto read = CheckpointFile::Read(*folder);
    ASSERT_TRUE(read && *read) << "one of the two is always there";
    EXPECT_EQ((*read)->settled.Runs(), large.settled.Runs());
    fell_back += (*read)->next_segment == 1 ? 1 : 0;
  }
  EXPECT_GT(fell_back, 10U);
  EXPECT_LT(fell_back, 100U) << "and sometimes all of it had reached the disk";
}

TEST_F(CheckpointTest, EveryBitOfTheNewestSlotCounts) {
  auto file = Open();
  ASSERT_TRUE(file.Save(At(1)));
  ASSERT_TRUE(file.Save(At(2)));
  ASSERT_EQ(Number(), 2U);
  const size_t bytes = EncodeCheckpoint(At(2), 3).size();
  for (size_t byte = 0; byte < bytes; ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      disk_.FlipBit(kCheckpointName, kCheckpointSlotBytes + byte, bit);
      EXPECT_EQ(Number(), 1U) << byte;
      disk_.FlipBit(kCheckpointName, kCheckpointSlotBytes + byte, bit);
    }
  }
  EXPECT_EQ(Number(), 2U);
}

TEST_F(CheckpointTest, FailedSaveLeavesTheOneBeforeAndCanBeTriedAgain) {
  auto file = Open();
  ASSERT_TRUE(file.Save(At(1)));
  for (const auto call : {DiskCall::kWrite, DiskCall::kSync}) {
    for (const auto fault : {DiskFault::kEio, DiskFault::kNoSpace}) {
      const uint64_t before = Number();
      disk_.FailNth(call, 1, fault);
      EXPECT_FALSE(file.Save(At(before + 10)));
      disk_.FailNth(call, 1, fault);
      EXPECT_FALSE(file.Save(At(before + 20))) << "it never changes the previous slot";
      EXPECT_TRUE(file.Save(At(before + 30)));
      EXPECT_EQ(Number(), before + 30);
    }
  }
  Crash();
  EXPECT_EQ(Number(), 121U);
}

// What a failed sync leaves in the page cache counts as clean: the next save must write it all again.
TEST_F(CheckpointTest, SaveAfterALostSyncIsWholeOnTheMedium) {
  auto file = Open();
  ASSERT_TRUE(file.Save(At(1)));
  disk_.FailNth(DiskCall::kSync, 1, DiskFault::kLost);
  ASSERT_FALSE(file.Save(At(2)));
  ASSERT_TRUE(file.Save(At(2)));
  disk_.EvictCleanPages();
  EXPECT_EQ(Number(), 2U);
  Crash();
  EXPECT_EQ(Number(), 2U);
}

TEST_F(CheckpointTest, ShortWritesMakeAWholeSlot) {
  auto file = Open();
  disk_.FailOneIn(DiskCall::kWrite, 1, DiskFault::kShort);
  ASSERT_TRUE(file.Save(At(7)));
  EXPECT_EQ(Number(), 7U);
}

TEST_F(CheckpointTest, FullDiskDoesNotMatter) {
  auto file = Open();
  disk_.SetCapacity(disk_.UsedBytes());
  for (uint64_t number = 1; number < 5; ++number) EXPECT_TRUE(file.Save(At(number)));
  EXPECT_EQ(Number(), 4U);
}

TEST_F(CheckpointTest, OfTooManyRunsTheLowestAreKept) {
  Checkpoint checkpoint;
  for (uint64_t run = 1; run <= 10'000; ++run) checkpoint.settled.Mark(2 * run, 2 * run + 1);
  const std::string slot = EncodeCheckpoint(checkpoint, 3);
  EXPECT_LE(slot.size(), kCheckpointSlotBytes);
  uint64_t generation = 0;
  const auto decoded = DecodeCheckpoint(slot, &generation);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(generation, 3U);
  const auto& runs = decoded->settled.Runs();
  EXPECT_GE(runs.size(), 4'000U);
  EXPECT_EQ(runs, checkpoint.settled.Lowest(runs.size()).Runs());
}

// A number that states a size is only used up to the size of the data.
TEST_F(CheckpointTest, HugeCountOfRunsIsRejected) {
  for (const uint32_t count : {1U, 4'093U, 1U << 28, std::numeric_limits<uint32_t>::max()}) {
    std::string fields;
    for (const uint64_t number : {1U, 0U, 0U, 0U}) AppendNumber(fields, number);
    AppendNumber(fields, count);
    std::string slot("EI-CHKP1");
    AppendNumber(slot, base::Crc32c(fields));
    slot.append(fields);
    uint64_t generation = 0;
    EXPECT_FALSE(DecodeCheckpoint(slot, &generation)) << count;
    slot.resize(kCheckpointSlotBytes);
    EXPECT_FALSE(DecodeCheckpoint(slot, &generation)) << count << ", the checksum covers the runs too";
  }
}

TEST_F(CheckpointTest, ShortSlotIsNone) {
  const std::string slot = EncodeCheckpoint(At(3), 1);
  uint64_t generation = 0;
  for (size_t size = 0; size < slot.size(); ++size) {
    EXPECT_FALSE(DecodeCheckpoint(slot.substr(0, size), &generation)) << size;
  }
  EXPECT_TRUE(DecodeCheckpoint(slot, &generation));
}

TEST_F(CheckpointTest, TruncatedFileGivesWhatIsLeft) {
  auto file = Open();
  ASSERT_TRUE(file.Save(At(1)));
  ASSERT_TRUE(file.Save(At(2)));
  disk_.Truncate(kCheckpointName, kCheckpointSlotBytes + 10);
  EXPECT_EQ(Number(), 1U) << "the first slot is whole";
  disk_.Truncate(kCheckpointName, 10);
  EXPECT_EQ(Number(), 0U);
  auto again = CheckpointFile::Reuse(*folder_);
  ASSERT_TRUE(again);
  for (uint64_t number = 3; number < 6; ++number) {
    ASSERT_TRUE(again->Save(At(number)));
    EXPECT_EQ(Number(), number);
  }
}

// If a read skipped the newest checkpoint once, an older one would replace newer ones.
TEST_F(CheckpointTest, UnreadableFileIsAFaultNotAnAbsence) {
  auto file = Open();
  ASSERT_TRUE(file.Save(At(1)));
  for (const auto call : {DiskCall::kOpen, DiskCall::kRead}) {
    disk_.FailNth(call, 1, DiskFault::kEio);
    EXPECT_FALSE(CheckpointFile::Read(*folder_));
  }
  EXPECT_EQ(Number(), 1U);
}

}  // namespace
}  // namespace ei::wal
