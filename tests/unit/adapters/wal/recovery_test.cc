// What a restart finds: first ReadLog alone, then the journal that continues from there.

#include "adapters/wal/recovery.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "adapters/wal/little_endian.h"
#include "adapters/wal/segment_files.h"
#include "support/sim_disk.h"
#include "support/wal_rig.h"
#include "unit/adapters/wal/segment_bytes.h"

namespace ei::wal {
namespace {

using support::DiskCall;
using support::DiskFault;
using support::Numbered;
using support::SimDisk;
using Strings = std::vector<std::string>;

constexpr uint64_t kSegmentBytes = 8 << 10;

uint64_t NumberOf(std::string_view value) { return std::stoull(std::string(value)); }

class RecoveryTest : public testing::Test {
 protected:
  void Put(const SegmentBytes& segment) {
    disk_.PutFile(SegmentName(segment.Header().number), segment.Whole());
  }
  static SegmentBytes Segment(uint64_t number, uint64_t first_position) {
    return SegmentBytes({number, first_position, 1'000 + number, kSegmentBytes});
  }
  void PutFrames(uint64_t number, uint64_t first_position, uint64_t frames) {
    SegmentBytes segment = Segment(number, first_position);
    for (uint64_t i = 0; i < frames; ++i)
      segment.Add(first_position + i, {std::to_string(first_position + i)});
    Put(segment);
  }
  void PutCheckpoint(uint64_t durable_end, uint64_t below) {
    Checkpoint checkpoint{.durable_end = durable_end, .next_segment = 0, .settled = SettledMap(below)};
    std::string bytes = EncodeCheckpoint(checkpoint, 2);
    bytes.resize(2 * kCheckpointSlotBytes);
    disk_.PutFile(kCheckpointName, bytes);
  }
  // Its header and the headers of all its frames.
  void SpoilEachSector(const std::string& name) {
    for (uint64_t at = 0; at < disk_.Seen(name).size(); at += kSectorBytes) disk_.FlipBit(name, at, 0);
  }
  FoundLog Read() {
    auto log = ReadLog(*disk_.Mount());
    EXPECT_TRUE(log) << log.error().message;
    return std::move(*log);
  }
  std::string OpenError() {
    const auto log = ReadLog(*disk_.Mount());
    return log ? "" : log.error().message;
  }

  void Open() { rig_.Open(*(folder_ = disk_.Mount())); }
  void Crash() {
    disk_.Crash();
    Open();
  }
  WalCounts Counts() { return rig_.Journal().Counts(); }
  bool Has(const std::string& name) const { return std::ranges::count(disk_.SeenNames(), name) > 0; }

  SimDisk disk_{1, {.tearing = support::Tearing::kGarbage, .name_loss = support::NameLoss::kAny}};
  std::unique_ptr<Directory> folder_;
  support::WalRig rig_{{.bytes_max = 16 * kSegmentBytes, .segment_bytes = kSegmentBytes}};
};

TEST_F(RecoveryTest, EmptyFolderIsAnEmptyLog) {
  const FoundLog log = Read();
  EXPECT_TRUE(log.segments.empty());
  EXPECT_FALSE(log.has_checkpoint);
  EXPECT_EQ(log.end, 0U);
  EXPECT_EQ(log.next_segment, 0U);
}

TEST_F(RecoveryTest, ReadingChangesNothing) {
  PutFrames(3, 10, 2);
  PutCheckpoint(11, 10);
  disk_.PutFile("segment.tmp", "x");
  const auto before = disk_.Counts().calls;
  Read();
  const auto after = disk_.Counts().calls;
  for (const auto call : {DiskCall::kCreate, DiskCall::kRename, DiskCall::kRemove, DiskCall::kSyncNames,
                          DiskCall::kWrite, DiskCall::kSync}) {
    EXPECT_EQ(after[static_cast<size_t>(call)], before[static_cast<size_t>(call)]);
  }
}

TEST_F(RecoveryTest, SegmentsAndLeftoversAreDistinguished) {
  PutFrames(10, 100, 3);
  PutFrames(11, 103, 2);
  disk_.PutFile(SegmentName(12), std::string(kSegmentBytes, '\0'));
  disk_.PutFile(SegmentName(14), Segment(3, 7).Whole());  // recycled: still with its previous header
  disk_.PutFile(SegmentName(15), std::string(kSegmentBytes / 2, '\0'));
  disk_.PutFile("segment.tmp", "half");
  disk_.PutFile("checkpoint.tmp", "half");
  disk_.PutFile(DamagedName(4), "seen before");
  disk_.PutFile("README", "not ours");
  const FoundLog log = Read();
  ASSERT_EQ(log.segments.size(), 2U);
  EXPECT_EQ(log.segments[0].header.number, 10U);
  EXPECT_EQ(log.segments[1].header.number, 11U);
  EXPECT_EQ(std::set(log.leftovers.begin(), log.leftovers.end()),
            (std::set<std::string>{SegmentName(12), SegmentName(14), SegmentName(15), "segment.tmp",
                                   "checkpoint.tmp"}));
  ASSERT_EQ(log.quarantined.size(), 1U);
  EXPECT_EQ(log.quarantined[0].number, 4U);
  EXPECT_EQ(log.quarantined[0].bytes, std::string("seen before").size());
  EXPECT_EQ(log.end, 105U);
  EXPECT_EQ(log.next_segment, 16U);
  disk_.PutFile(DamagedName(20), "the newest, once");
  EXPECT_EQ(Read().next_segment, 21U) << "the number of a quarantined file is not used again";
}

TEST_F(RecoveryTest, CheckpointOutlivesTheSegments) {
  Checkpoint checkpoint{.durable_end = 500, .next_segment = 30, .settled = SettledMap(500)};
  std::string bytes = EncodeCheckpoint(checkpoint, 2);
  bytes.resize(2 * kCheckpointSlotBytes);
  disk_.PutFile(kCheckpointName, bytes);
  const FoundLog log = Read();
  EXPECT_EQ(log.end, 500U) << "no position is assigned twice";
  EXPECT_EQ(log.next_segment, 30U) << "nor a number";
}

TEST_F(RecoveryTest, TornLastFrameIsCut) {
  SegmentBytes segment = Segment(0, 0);
  segment.Add(0, {"a", "b"});
  const size_t torn = segment.Add(2, {"c", "d"});
  std::string bytes = segment.Whole();
  bytes[torn + kFrameHeaderBytes + 1] ^= 1;
  disk_.PutFile(SegmentName(0), bytes);
  EXPECT_EQ(Read().end, 2U);
  EXPECT_TRUE(Read().torn);
  PutCheckpoint(4, 0);
  EXPECT_EQ(Read().end, 4U) << "it was durable once: this is damage";
  EXPECT_FALSE(Read().torn);
  PutCheckpoint(2, 0);
  EXPECT_EQ(Read().end, 2U);
  EXPECT_TRUE(Read().torn);
}

// Its positions were assigned again, in a segment that was released since and in the one behind that.
TEST_F(RecoveryTest, TornFrameOfAPreviousRunHidesNothing) {
  SegmentBytes segment = Segment(0, 0);
  segment.Add(0, {"0"});
  segment.Add(1, {"1"});
  const size_t torn = segment.Add(2, {"old 2", "old 3", "old 4"});
  Put(segment);
  disk_.FlipBit(SegmentName(0), torn + kFrameHeaderBytes + 12, 0);  // in its last event
  PutFrames(2, 3, 3);
  Checkpoint checkpoint{.durable_end = 6, .next_segment = 3, .settled = SettledMap(1)};
  checkpoint.settled.Mark(2, 3);
  std::string bytes = EncodeCheckpoint(checkpoint, 2);
  bytes.resize(2 * kCheckpointSlotBytes);
  disk_.PutFile(kCheckpointName, bytes);
  ASSERT_TRUE(rig_.TryOpen(*(folder_ = disk_.Mount())));
  EXPECT_EQ(rig_.Drain(), (std::vector<std::string>{"1", "3", "4", "5"}));
  EXPECT_EQ(rig_.Journal().Counts().lost, 0U);
}

TEST_F(RecoveryTest, DamagedFrameBeforeTheLastIsNotTheEnd) {
  SegmentBytes segment = Segment(0, 0);
  segment.Add(0, {"a"});
  const size_t damaged = segment.Add(1, {"b"});
  segment.Add(2, {"c"});
  std::string bytes = segment.Whole();
  bytes[damaged + kFrameHeaderBytes] ^= 1;
  disk_.PutFile(SegmentName(0), bytes);
  EXPECT_EQ(Read().end, 3U);
  EXPECT_FALSE(Read().torn);
  bytes[damaged] ^= 1;
  disk_.PutFile(SegmentName(0), bytes);
  EXPECT_EQ(Read().end, 3U);
}

TEST_F(RecoveryTest, LaterVersionStopsTheStartAndChangesNothing) {
  PutFrames(0, 0, 1);
  std::string bytes = disk_.Seen(SegmentName(0));
  for (const size_t copy : {size_t{0}, kSectorBytes}) {
    std::string fields = bytes.substr(copy + 12, 36);
    fields[0] = 4;
    std::string sum;
    AppendNumber(sum, base::Crc32c(fields));
    bytes.replace(copy + 8, 4, sum).replace(copy + 12, 36, fields);
  }
  disk_.PutFile(SegmentName(0), bytes);
  EXPECT_NE(OpenError().find("format version 4, this program reads versions up to 3"), std::string::npos)
      << OpenError();
  EXPECT_FALSE(rig_.TryOpen(*(folder_ = disk_.Mount())));
  EXPECT_EQ(disk_.Seen(SegmentName(0)), bytes);
}

TEST_F(RecoveryTest, DiskThatCannotBeReadStopsTheStart) {
  PutFrames(0, 0, 2);
  PutCheckpoint(2, 0);
  for (const auto call : {DiskCall::kList, DiskCall::kOpen, DiskCall::kRead, DiskCall::kSize}) {
    const auto before = disk_.Counts().calls[static_cast<size_t>(call)];
    Read();
    const auto calls = disk_.Counts().calls[static_cast<size_t>(call)] - before;
    ASSERT_GE(calls, 1U);
    for (uint64_t nth = 1; nth <= calls; ++nth) {
      disk_.FailNth(call, nth, DiskFault::kEio);
      disk_.FailNth(call, nth + 1, DiskFault::kEio);  // a reading ahead that fails is tried again without
      const std::string error = OpenError();
      EXPECT_TRUE(error.starts_with("wal.dir (WAL_DIR): ")) << error;
      disk_.FailNoMore();
    }
  }
  EXPECT_EQ(Read().end, 2U);
}

TEST_F(RecoveryTest, ExactlyTheUnsettledComeBack) {
  support::Random random(support::SeedOr(5));
  rig_.Options().bytes_max = 100 * kSegmentBytes;  // each restart begins a segment
  Open();
  std::set<std::string> unsettled;
  uint64_t next = 0;
  for (int round = 0; round < 60; ++round) {
    for (uint64_t batches = random.Below(5); batches > 0; --batches) {
      const auto values = Numbered(next, random.Between(1, 6), random.Below(600));
      ASSERT_EQ(rig_.Append(values).end, next + values.size()) << "positions continue";
      next += values.size();
      unsettled.insert(values.begin(), values.end());
      rig_.Work();
    }
    rig_.Work();
    rig_.Take();
    rig_.SettleIf(
        [&](std::string_view value) { return !random.OneIn(5) && unsettled.erase(std::string(value)) == 1; });
    rig_.Work();
    switch (random.Below(3)) {
      case 0: Crash(); break;
      case 1:
        disk_.KillProcess();
        Open();
        break;
      default: rig_.Journal().Finish(); Open();
    }
    EXPECT_EQ(Counts().recovered, unsettled.size());
    rig_.Work();
    EXPECT_EQ(rig_.Journal().DurableEnd(), next);
    const auto values = rig_.Take();
    EXPECT_TRUE(std::ranges::is_sorted(rig_.Taken(), {}, &JournalEvent::position));
    EXPECT_EQ(std::set(values.begin(), values.end()), unsettled);
    EXPECT_EQ(values.size(), unsettled.size());
    EXPECT_EQ(Counts().lost, 0U);
  }
}

TEST_F(RecoveryTest, LeftoversAreRemoved) {
  PutFrames(0, 0, 1);
  disk_.PutFile("segment.tmp", "half");
  disk_.PutFile(SegmentName(9), "short");
  Open();
  EXPECT_FALSE(Has("segment.tmp"));
  EXPECT_FALSE(Has(SegmentName(9)));
  EXPECT_EQ(rig_.Drain(), Strings{"0"});
}

TEST_F(RecoveryTest, SegmentWithBothHeadersDamagedIsReadByItsFrames) {
  PutFrames(0, 0, 3);
  PutFrames(1, 3, 4);
  PutFrames(2, 7, 5);
  for (const uint64_t copy : {uint64_t{0}, kSectorBytes}) disk_.FlipBit(SegmentName(1), copy + 20, 1);
  Open();
  EXPECT_EQ(rig_.Drain(), Numbered(0, 12));
  EXPECT_EQ(Counts().lost, 0U);
}

TEST_F(RecoveryTest, HeaderWithAPositionAboveThatOfALaterSegmentIsDamaged) {
  PutFrames(0, 0, 3);
  PutFrames(1, 8, 1);
  PutFrames(2, 3, 0);
  PutFrames(3, 3, 4);
  const FoundLog log = Read();
  ASSERT_EQ(log.segments.size(), 4U);
  EXPECT_FALSE(log.segments[0].damaged);
  EXPECT_TRUE(log.segments[1].damaged);
  EXPECT_FALSE(log.segments[2].damaged) << "it is empty";
  EXPECT_FALSE(log.segments[3].damaged);
  EXPECT_EQ(log.end, 7U);
}

TEST_F(RecoveryTest, TheNewestCommitIsWrittenAgainAsItWas) {
  Open();
  rig_.Append({"a", "b"});
  EXPECT_EQ(rig_.Journal().Commit(), Work::kDone);
  const WalCounts first = Counts();
  EXPECT_EQ(first.commits, 1U);
  EXPECT_GT(first.commit_bytes, kSegmentHeaderBytes);
  EXPECT_EQ(first.commit_bytes % kSectorBytes, 0U);
  Crash();
  EXPECT_EQ(Counts().commit_bytes, 0U);
  rig_.Work();
  EXPECT_EQ(Counts().commits, 1U);
  EXPECT_EQ(Counts().commit_bytes, first.commit_bytes) << "each byte once";
}

// Its events' positions are between those of the adjacent segments.
TEST_F(RecoveryTest, SegmentWithoutASoundHeaderIsQuarantinedAndItsEventsCount) {
  PutFrames(0, 0, 3);
  PutFrames(1, 3, 4);
  PutFrames(2, 7, 5);
  disk_.ZeroRange(SegmentName(1), 0, disk_.Seen(SegmentName(1)).size());
  Open();
  EXPECT_TRUE(Has(DamagedName(1)));
  EXPECT_EQ(Counts().set_aside, 1U);
  Strings values = Numbered(0, 3);
  for (const std::string& value : Numbered(7, 5)) values.push_back(value);
  EXPECT_EQ(rig_.Drain(), values);
  EXPECT_EQ(Counts().lost, 4U);
}

TEST_F(RecoveryTest, TornFirstCommitOfASegmentLeavesItUnused) {
  uint64_t torn = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SimDisk disk(seed, {.tearing = support::Tearing::kMixed, .name_loss = support::NameLoss::kAny});
    auto folder = disk.Mount();
    support::WalRig rig({.bytes_max = 16 * kSegmentBytes, .segment_bytes = kSegmentBytes});
    rig.Open(*folder);
    // A recycled one with its previous header, in every other round.
    for (uint64_t i = 0; i < (seed % 2 == 0 ? 4 : 1); ++i) {
      ASSERT_EQ(rig.Append(Numbered(9 * i, 9, 700)), AppendResult::kAppended);
      if (seed % 2 == 0) rig.Drain();
    }
    rig.Work();
    rig.Append(Numbered(100, 3, 700));
    disk.FailNth(DiskCall::kSync, 1, DiskFault::kEio);
    rig.Journal().Commit();
    disk.Crash();
    folder = disk.Mount();
    rig.Open(*folder);
    EXPECT_EQ(rig.Journal().Counts().set_aside, 0U) << seed;
    const auto values = rig.Drain();
    EXPECT_EQ(rig.Journal().Counts().lost, 0U) << seed;
    const size_t before = seed % 2 == 0 ? 0 : 9;
    EXPECT_TRUE(values.size() == before || values.size() == before + 3) << values.size();
    torn += values.size() == before ? 1 : 0;
    ASSERT_EQ(rig.Append({"a"}), AppendResult::kAppended);
    EXPECT_EQ(rig.Drain(), Strings{"a"});
  }
  EXPECT_GT(torn, 15U);
}

TEST_F(RecoveryTest, DestroyedCheckpointCostsRepeatsOnly) {
  Open();
  for (uint64_t i = 0; i < 30; ++i) {
    ASSERT_EQ(rig_.Append(Numbered(i, 1, 700)), AppendResult::kAppended);
    rig_.Work();
  }
  rig_.Take();
  const auto stays = [](std::string_view value) { return NumberOf(value) >= 12; };
  rig_.SettleIf([&](std::string_view value) { return !stays(value); });
  rig_.Work();
  ASSERT_FALSE(Has(SegmentName(0)));
  for (const bool removed : {false, true}) {
    disk_.KillProcess();
    if (removed) {
      disk_.RemoveFile(kCheckpointName);
    } else {
      disk_.ZeroRange(kCheckpointName, 0, 2 * kCheckpointSlotBytes);
    }
    Open();
    rig_.Work();
    const auto values = rig_.Take();
    EXPECT_EQ(static_cast<size_t>(std::ranges::count_if(values, stays)), 18U);
    EXPECT_EQ(Counts().lost, 0U);
    EXPECT_EQ(rig_.Journal().DurableEnd(), 30U);
  }
}

// Written bytes are only in the page cache when the process dies, and after a failed sync the kernel may
// never write them: the next process writes them again before they count.
TEST_F(RecoveryTest, CommitOfADeadProcessIsWrittenAgainBeforeItCounts) {
  Open();
  rig_.Append({"a"});
  disk_.FailNth(DiskCall::kSync, 1, DiskFault::kLost);
  rig_.Journal().Commit();
  disk_.KillProcess();
  Open();
  EXPECT_EQ(rig_.Journal().DurableEnd(), 0U);
  EXPECT_EQ(rig_.Journal().Stats().events, 1U);
  rig_.Work();
  EXPECT_EQ(rig_.Journal().DurableEnd(), 1U);
  Crash();
  rig_.Work();
  EXPECT_EQ(rig_.Journal().DurableEnd(), 1U);
  EXPECT_EQ(rig_.Drain(), Strings{"a"});
}

// A start that finds a commit twice drops the copy, because the original may be the only one on the disk. But
// the original may not be on the disk: so the copy counts only after a checkpoint says that it stays.
TEST_F(RecoveryTest, ACopyThatWasAcknowledgedOutlivesAStartThatIsCutShort) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SimDisk disk(seed, {.tearing = support::Tearing::kMixed, .name_loss = support::NameLoss::kAny});
    auto folder = disk.Mount();
    support::WalRig rig({.bytes_max = 8 * kSegmentBytes, .segment_bytes = kSegmentBytes});
    rig.Open(*folder);
    rig.Append({"a"});
    rig.Work();
    rig.Append({"b"});
    disk.FailNth(DiskCall::kSync, 1, DiskFault::kLost);  // the commit is on the disk or not
    rig.Journal().Commit();
    disk.KillProcess();
    rig.Open(*(folder = disk.Mount()));
    rig.Work();
    EXPECT_EQ(rig.Journal().DurableEnd(), 2U);
    disk.KillProcess();
    rig.Open(*(folder = disk.Mount()));
    disk.Crash();
    rig.Open(*(folder = disk.Mount()));
    EXPECT_EQ(rig.Journal().Counts().recovered, 2U) << "seed " << seed;
    EXPECT_EQ(rig.Drain(), (Strings{"a", "b"})) << "seed " << seed;
  }
}

TEST_F(RecoveryTest, FaultDuringRecoveryStopsTheStartAndTheNextOneFindsAll) {
  Open();
  ASSERT_EQ(rig_.Append(Numbered(0, 9, 700)), AppendResult::kAppended);
  rig_.Work();
  ASSERT_EQ(rig_.Append(Numbered(9, 9, 700)), AppendResult::kAppended);
  rig_.Work();
  for (const auto call : {DiskCall::kSync, DiskCall::kSyncNames, DiskCall::kRemove}) {
    disk_.Crash();
    disk_.PutFile("segment.tmp", "x");
    disk_.FailNth(call, 1, DiskFault::kEio);
    const auto opened = rig_.TryOpen(*(folder_ = disk_.Mount()));
    ASSERT_FALSE(opened);
    EXPECT_TRUE(opened.error().message.starts_with("wal.dir (WAL_DIR): ")) << opened.error().message;
  }
  Crash();
  EXPECT_EQ(rig_.Drain(), Numbered(0, 18, 700));
}

TEST_F(RecoveryTest, OldestIsNotYoungerThanWhatWaitsOnTheDisk) {
  Open();
  const auto accepted_at = rig_.Clock().Now();
  rig_.Append({"a"});
  rig_.Journal().Commit();
  rig_.Clock().Advance(std::chrono::hours(2));
  Crash();
  rig_.Work();
  EXPECT_LE(*rig_.Journal().Stats().oldest, accepted_at);
}

TEST_F(RecoveryTest, SegmentsOfAnotherSizeAreReadAndThenGo) {
  Open();
  for (const uint64_t first : {uint64_t{0}, uint64_t{9}}) {
    ASSERT_EQ(rig_.Append(Numbered(first, 9, 700)), AppendResult::kAppended);
    rig_.Work();
  }
  rig_.Options().segment_bytes = 2 * kSegmentBytes;
  Crash();
  ASSERT_EQ(rig_.Append(Numbered(18, 15, 700)), AppendResult::kAppended) << "more than the old ones hold";
  EXPECT_EQ(rig_.Drain(), Numbered(0, 33, 700));
  for (const std::string& name : disk_.SeenNames()) {
    if (SegmentNumber(name)) {
      EXPECT_EQ(disk_.Seen(name).size(), 2 * kSegmentBytes);
    }
  }
  rig_.Options().segment_bytes = kSegmentBytes;
  Crash();
  ASSERT_EQ(rig_.Append(Numbered(33, 2)), AppendResult::kAppended);
  EXPECT_EQ(rig_.Drain(), Numbered(33, 2));
}

// One slot at a time: the other one knows which segments are gone.
TEST_F(RecoveryTest, DamagedCheckpointCostsRepeatsOnly) {
  const auto stays = [](std::string_view value) { return NumberOf(value) == 9 || NumberOf(value) > 36; };
  for (const uint64_t slot : {uint64_t{0}, uint64_t{1}}) {
    SimDisk disk(3);
    auto folder = disk.Mount();
    support::WalRig rig({.bytes_max = 8 * kSegmentBytes, .segment_bytes = kSegmentBytes});
    rig.Open(*folder);
    for (uint64_t i = 0; i < 40; ++i) {
      ASSERT_EQ(rig.Append(Numbered(i, 1, 700)), AppendResult::kAppended);
      rig.Work();
    }
    rig.Take();
    rig.SettleIf([&](std::string_view value) { return !stays(value); });
    support::RunIdle(rig.Journal());
    disk.KillProcess();
    disk.FlipBit(kCheckpointName, slot * kCheckpointSlotBytes + 20, 0);
    folder = disk.Mount();
    rig.Open(*folder);
    const auto values = rig.Drain();
    EXPECT_EQ(std::ranges::count_if(values, stays), 4);
    EXPECT_EQ(rig.Journal().Counts().lost, 0U) << "slot " << slot;
  }
}

// An unsettled event keeps a segment while those behind it are released; then the checkpoint is destroyed.
TEST_F(RecoveryTest, SegmentsThatWentAreNotMissedWithoutACheckpoint) {
  Open();
  for (uint64_t i = 0; i < 30; ++i) {
    ASSERT_EQ(rig_.Append(Numbered(i, 1, 700)), AppendResult::kAppended);
    rig_.Work();
  }
  rig_.Take();
  const auto stays = [](std::string_view value) { return NumberOf(value) == 3 || NumberOf(value) >= 24; };
  rig_.SettleIf([&](std::string_view value) { return !stays(value); });
  rig_.Work();
  ASSERT_TRUE(Has(SegmentName(0)));
  ASSERT_FALSE(Has(SegmentName(1)));
  disk_.KillProcess();
  disk_.RemoveFile(kCheckpointName);
  Open();
  const auto values = rig_.Drain();
  EXPECT_EQ(std::ranges::count_if(values, stays), 7);
  EXPECT_EQ(Counts().lost, 0U);
}

TEST_F(RecoveryTest, FirstSegmentWithoutASoundHeaderCountsToo) {
  Open();
  for (uint64_t i = 0; i < 20; ++i) {
    ASSERT_EQ(rig_.Append(Numbered(i, 1, 700)), AppendResult::kAppended);
    rig_.Work();
  }
  disk_.KillProcess();
  SpoilEachSector(SegmentName(0));
  Open();
  const auto values = rig_.Drain();
  EXPECT_EQ(values.back(), Numbered(19, 1, 700).front());
  EXPECT_EQ(Counts().lost + values.size(), 20U);
  EXPECT_GT(Counts().lost, 0U);
}

// A torn first commit leaves the header's sectors as they were, or whole. Anything else is damage.
// The newest commit is larger than the segments that are made now, or than the whole log may be.
TEST_F(RecoveryTest, NewestCommitGetsASegmentOfItsSizeDespiteOtherSettings) {
  for (const uint64_t bytes_max : {16 * kSegmentBytes, 2 * uint64_t{2048}}) {
    SimDisk disk(3);
    auto folder = disk.Mount();
    support::WalRig rig({.bytes_max = 8 * kSegmentBytes, .segment_bytes = kSegmentBytes});
    rig.Open(*folder);
    ASSERT_EQ(rig.Append({"a"}), AppendResult::kAppended);
    rig.Work();
    ASSERT_EQ(rig.Append(Numbered(1, 3, 2'000)), AppendResult::kAppended);
    rig.Journal().Commit();
    uint64_t next = 4;
    Strings accepted;
    for (int run = 0; run < 4; ++run) {
      disk.KillProcess();
      folder = disk.Mount();
      WalOptions options;
      options.bytes_max = bytes_max;
      options.segment_bytes = 2048;
      rig.Options() = options;
      rig.Open(*folder);
      EXPECT_LE(rig.Journal().Stats().bytes, std::max(bytes_max, 3 * kSegmentBytes)) << "run " << run;
      for (int i = 0; i < 20; ++i) {
        const Strings value = Numbered(next, 1, 400);
        if (rig.Append(value) != AppendResult::kAppended) break;
        accepted.push_back(value.front());
        ++next;
        rig.Work();
      }
    }
    rig.Close();
    disk.KillProcess();
    folder = disk.Mount();
    rig.Open(*folder);
    Strings expected = {"a"};
    for (const std::string& value : Numbered(1, 3, 2'000)) expected.push_back(value);
    expected.insert(expected.end(), accepted.begin(), accepted.end());
    EXPECT_EQ(rig.Drain(), expected);
    EXPECT_EQ(rig.Journal().Counts().lost, 0U);
    EXPECT_EQ(rig.Append(Numbered(next, 1, 400)), AppendResult::kAppended);
    EXPECT_EQ(rig.Drain().size(), 1U);
    for (const std::string& name : disk.SeenNames()) {
      if (SegmentNumber(name)) {
        EXPECT_LE(disk.Seen(name).size(), kSegmentBytes) << name;
      }
    }
    EXPECT_LE(rig.Journal().Stats().bytes, bytes_max);
  }
}

// Quarantined files use all of the space: the newest commit doesn't wait until an operator moves them away.
TEST_F(RecoveryTest, NewestCommitGetsOutThoughDamagedFilesFillTheLog) {
  rig_.Options().bytes_max = 2 * kSegmentBytes;
  PutFrames(0, 0, 3);
  PutFrames(1, 3, 3);
  PutCheckpoint(5, 0);
  disk_.PutFile(DamagedName(9), std::string(2 * kSegmentBytes, 'x'));
  for (int run = 0; run < 5; ++run) {
    disk_.KillProcess();
    Open();
    EXPECT_LE(disk_.UsedBytes(), 6 * kSegmentBytes + 2 * kCheckpointSlotBytes) << "run " << run;
    EXPECT_NE(rig_.Append({"more"}), AppendResult::kAppended);
  }
  EXPECT_EQ(rig_.Drain(), Numbered(0, 6));
  EXPECT_TRUE(Has(DamagedName(9)));
}

// Unreadable bytes are not damage: the header is searched for in the first frames, and the disk fails there.
TEST_F(RecoveryTest, DamagedHeaderIsNotHeldToBeLostWhileTheDiskCannotReadOn) {
  PutFrames(0, 0, 5);
  PutFrames(1, 5, 5);
  PutCheckpoint(10, 0);
  for (const uint64_t at : {0, 512}) disk_.FlipBit(SegmentName(0), at + 20, 0);
  disk_.MakeUnreadable(SegmentName(0), 2048, 1);
  EXPECT_TRUE(OpenError().contains("can't read 00000000000000000000.wal")) << OpenError();
  disk_.Heal();
  Open();
  EXPECT_EQ(rig_.Drain().size(), 10U);
}

TEST_F(RecoveryTest, NewestSegmentWithADamagedHeaderIsQuarantinedNotUsedAgain) {
  Open();
  for (uint64_t i = 0; i < 10; ++i) {
    ASSERT_EQ(rig_.Append(Numbered(i, 1, 700)), AppendResult::kAppended);
    rig_.Work();
  }
  rig_.Journal().Finish();
  disk_.KillProcess();
  ASSERT_TRUE(Has(SegmentName(1)));
  SpoilEachSector(SegmentName(1));
  Open();
  EXPECT_TRUE(Has(DamagedName(1)));
  const auto values = rig_.Drain();
  EXPECT_EQ(values.size(), 7U);
  EXPECT_EQ(Counts().lost, 3U);
  EXPECT_EQ(rig_.Append({"a"}).end, 11U);
}

// A crash left a segment that was just begun, and damage lost the last commits before it. The newest
// remaining commit is written again, and the events between the two are known to be missing at once.
TEST_F(RecoveryTest, CommitsMissingBehindTheNewestOneCount) {
  for (const bool appends_at_once : {true, false}) {
    SCOPED_TRACE(appends_at_once);
    SegmentBytes segment = Segment(0, 0);
    for (uint64_t i = 0; i < 5; ++i) segment.Add(i, {std::to_string(i)});
    for (const std::string& name : disk_.SeenNames()) disk_.RemoveFile(name);
    Put(segment);
    for (const uint64_t frame : {3, 4}) {
      disk_.FlipBit(SegmentName(0), kSegmentHeaderBytes + frame * kSectorBytes + 20, 0);
    }
    Put(Segment(1, 5));
    Open();
    EXPECT_EQ(Counts().recovered, 5U);
    if (appends_at_once) {
      EXPECT_EQ(rig_.Append({"5"}).end, 6U);
    }
    Strings came = rig_.Drain();
    EXPECT_EQ(Counts().lost, 2U);
    EXPECT_EQ(rig_.Journal().Stats().events, 0U);
    EXPECT_EQ(rig_.Journal().DurableEnd(), appends_at_once ? 6U : 5U);
    EXPECT_TRUE(Has(DamagedName(0)));
    if (!appends_at_once) {
      EXPECT_EQ(rig_.Append({"5"}).end, 6U);
      came.push_back(rig_.Drain().front());
    }
    EXPECT_EQ(came, (Strings{"0", "1", "2", "5"}));
    Crash();
    EXPECT_EQ(rig_.Drain(), Strings{});
    EXPECT_EQ(Counts().lost, 0U);
  }
}

}  // namespace
}  // namespace ei::wal
