#include "adapters/wal/segment_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "support/sim_disk.h"

namespace ei::wal {
namespace {

using support::DiskCall;
using support::DiskFault;
using support::SimDisk;

constexpr uint64_t kBytes = 600'000;

bool Has(const SimDisk& disk, const std::string& name) {
  return std::ranges::count(disk.SeenNames(), name) > 0;
}

TEST(SegmentNames, SortAsTheirNumbers) {
  EXPECT_EQ(SegmentName(42), "00000000000000000042.wal");
  EXPECT_EQ(DamagedName(42), "00000000000000000042.damaged");
  std::string last;
  for (const uint64_t number :
       {uint64_t{0}, uint64_t{9}, uint64_t{10}, uint64_t{1} << 40, std::numeric_limits<uint64_t>::max()}) {
    EXPECT_LT(last, SegmentName(number));
    last = SegmentName(number);
    EXPECT_EQ(SegmentNumber(SegmentName(number)), number);
    EXPECT_EQ(DamagedNumber(DamagedName(number)), number);
    EXPECT_FALSE(SegmentNumber(DamagedName(number)));
    EXPECT_FALSE(DamagedNumber(SegmentName(number)));
  }
}

TEST(SegmentNames, OthersAreNone) {
  for (const char* name :
       {"", ".wal", "42.wal", "00000000000000000042", "00000000000000000042.WAL", "0000000000000000004x.wal",
        "-0000000000000000042.wal", "+0000000000000000042.wal", " 0000000000000000042.wal",
        "000000000000000000042.wal", "99999999999999999999.wal", "00000000000000000042.wal.bak", "checkpoint",
        "segment.tmp"}) {
    EXPECT_FALSE(SegmentNumber(name)) << name;
  }
}

TEST(MakeSegment, FileIsAllZerosAndSurvives) {
  SimDisk disk(1, {.tearing = support::Tearing::kWholeSector, .name_loss = support::NameLoss::kAny});
  ASSERT_TRUE(MakeSegment(*disk.Mount(), 3, kBytes));
  disk.Crash();
  EXPECT_EQ(disk.SeenNames(), std::vector{SegmentName(3)});
  EXPECT_EQ(disk.Seen(SegmentName(3)), std::string(kBytes, '\0'));
}

TEST(MakeSegment, TakesThePlaceOfAnUnfinishedOne) {
  SimDisk disk(1);
  disk.PutFile(kUnfinishedSegmentName, "left by a crash");
  ASSERT_TRUE(MakeSegment(*disk.Mount(), 3, kBytes));
  EXPECT_EQ(disk.SeenNames(), std::vector{SegmentName(3)});
}

TEST(MakeSegment, FullDiskGetsItsRoomBack) {
  SimDisk disk(1, {.capacity_bytes = kBytes - 1});
  const auto made = MakeSegment(*disk.Mount(), 3, kBytes);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error(), ENOSPC);
  EXPECT_EQ(disk.UsedBytes(), 0U);
  disk.SetCapacity(kBytes + support::SimContent::kSectorBytes);
  EXPECT_TRUE(MakeSegment(*disk.Mount(), 3, kBytes));
}

TEST(MakeSegment, FaultAtAnyCallLeavesNothing) {
  for (const auto call :
       {DiskCall::kCreate, DiskCall::kWrite, DiskCall::kSync, DiskCall::kRename, DiskCall::kSyncNames}) {
    for (uint64_t seed = 1; seed < 10; ++seed) {
      SimDisk disk(seed);
      disk.FailNth(call, 1, DiskFault::kEio);
      EXPECT_FALSE(MakeSegment(*disk.Mount(), 3, kBytes));
      EXPECT_FALSE(Has(disk, SegmentName(3)));
      EXPECT_TRUE(MakeSegment(*disk.Mount(), 4, kBytes));
      EXPECT_EQ(disk.SeenNames(), std::vector{SegmentName(4)});
    }
  }
}

// A loss of power at any call: a file with a segment's name is complete.
TEST(MakeSegment, CrashLeavesAWholeSegmentOrNone) {
  uint64_t whole = 0;
  for (uint64_t seed = 1; seed < 60; ++seed) {
    SimDisk disk(seed, {.tearing = support::Tearing::kWholeSector, .name_loss = support::NameLoss::kAny});
    disk.StopAfter(seed % 12);
    static_cast<void>(MakeSegment(*disk.Mount(), 3, kBytes));
    disk.Crash();
    if (!Has(disk, SegmentName(3))) continue;
    EXPECT_EQ(disk.Seen(SegmentName(3)), std::string(kBytes, '\0'));
    ++whole;
  }
  EXPECT_GT(whole, 0U);
}

}  // namespace
}  // namespace ei::wal
