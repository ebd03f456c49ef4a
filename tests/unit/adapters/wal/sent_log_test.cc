#include "adapters/wal/sent_log.h"

#include <gtest/gtest.h>

#include "adapters/wal/checkpoint.h"
#include "support/recording_log.h"
#include "support/sim_disk.h"
#include "support/virtual_clock.h"
#include "unit/adapters/wal/found_sent.h"

namespace ei::wal {
namespace {

using Positions = std::vector<uint64_t>;
using Texts = std::vector<std::string>;
using support::DiskCall;
using support::DiskFault;

constexpr uint64_t kEnd = 100'000'000;  // of the log

class LaneSentLogTest : public ::testing::Test {
 protected:
  LaneSentLogTest() { Begin({}); }

  void Begin(std::vector<SentBatch> unsettled, uint64_t next_number = 0) {
    files_ = std::make_unique<SentFiles>();
    files_->next_number = next_number;
    notes_ = std::make_unique<LaneSentLog>(SentHeader{.lane = 1, .lanes = 2}, std::move(unsettled), *files_,
                                           *folder_, clock_, log_);
  }

  // Settles in the notes, and then in the journal.
  void Settle(const Positions& positions) {
    notes_->NoteSettled(positions);
    for (const uint64_t position : positions) settled_.Mark(position, position + 1);
  }
  // A checkpoint of the journal, in two steps.
  void TakeSnapshot() {
    ++files_->snapshots;
    snapshot_end_ = settled_.AlwaysLowestEnd(kCheckpointRunsMax);
  }
  void SaveSnapshot() {
    files_->saved_end = snapshot_end_;
    files_->saved = files_->snapshots.load();
  }
  void SaveCheckpoint() {
    TakeSnapshot();
    SaveSnapshot();
  }

  // A batch of the next `size` positions.
  Positions Next(size_t size) {
    Positions positions(size);
    for (uint64_t& position : positions) position = next_++;
    return positions;
  }
  // Sends and settles until a new file is begun; the last batch is not flushed as settled.
  void FillAFile() {
    const uint64_t next = std::max<uint64_t>(files_->next_number, 1);
    while (files_->next_number <= next) {
      const Positions positions = Next(10'000);
      notes_->NoteSent(positions, "filling");
      notes_->Flush();
      Settle(positions);
    }
  }

  void Kill() {
    disk_.KillProcess();
    folder_ = disk_.Mount();
  }
  FoundSent Find() {
    found_settled_ = SettledMap();
    return FindSent(*folder_, kEnd, found_settled_);
  }
  std::vector<uint64_t> Files() { return SentNumbers(*folder_); }
  uint64_t FileBytes() {
    uint64_t bytes = 0;
    for (const uint64_t number : Files()) bytes += disk_.Seen(SentName(number)).size();
    return bytes;
  }
  size_t Warnings() const { return log_.Count("WARN wal.dir (WAL_DIR): sent events can't be noted"); }
  size_t Resumed() const { return log_.Count("INFO sent events are noted again"); }

  support::SimDisk disk_{1};
  std::unique_ptr<Directory> folder_ = disk_.Mount();
  support::VirtualClock clock_;
  support::RecordingLog log_;
  std::unique_ptr<SentFiles> files_;
  std::unique_ptr<LaneSentLog> notes_;
  SettledMap settled_;  // the journal's
  uint64_t snapshot_end_ = 0;
  SettledMap found_settled_;
  uint64_t next_ = 1'000;
};

TEST_F(LaneSentLogTest, FlushedNotesOutliveAKill) {
  notes_->NoteSent(Positions{1, 2, 4}, "a");
  notes_->NoteSent(Positions{3, 5}, "b");
  notes_->Flush();
  notes_->NoteSettled(Positions{1, 2, 4});
  notes_->NoteSent(Positions{6}, "c");
  notes_->Flush();
  notes_->NoteSettled(Positions{6});
  Kill();
  const auto found = Find();
  EXPECT_EQ(TextOf(found.unsettled), (Texts{"b:3,5", "c:6"})) << "the last one was not flushed as settled";
  EXPECT_EQ(found.unsettled[0].by, (SentHeader{.lane = 1, .lanes = 2}));
  EXPECT_EQ(found_settled_.Runs(), (std::map<uint64_t, uint64_t>{{1, 3}, {4, 5}}));
  EXPECT_EQ(found.durable_end, 7U);
}

TEST_F(LaneSentLogTest, ALossOfPowerLeavesNothingThatIsUntrue) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    support::SimDisk disk(seed, {.tearing = support::Tearing::kMixed, .name_loss = support::NameLoss::kAny});
    auto folder = disk.Mount();
    SentFiles files;
    LaneSentLog notes({}, {}, files, *folder, clock_, log_);
    for (uint64_t i = 0; i < 40; ++i) {
      notes.NoteSent(Positions{4 * i, 4 * i + 1}, std::to_string(i));
      notes.Flush();
      if (i % 2 == 0) notes.NoteSettled(Positions{4 * i, 4 * i + 1});
    }
    disk.Crash();
    folder = disk.Mount();
    SettledMap settled;
    for (const FoundBatch& each : FindSent(*folder, kEnd, settled).unsettled) {
      const uint64_t i = std::stoull(each.batch.stamp);
      ASSERT_EQ(each.batch.positions, (Positions{4 * i, 4 * i + 1}));
    }
    for (uint64_t position = 0; position < 160; ++position) {
      ASSERT_TRUE(!settled.Contains(position) || (position % 8 < 2)) << position;
    }
  }
}

TEST_F(LaneSentLogTest, LaneThatSendsNothingMakesNoFile) {
  notes_->Flush();
  notes_->Begin(SettledMap(100), kCheckpointRunsMax);
  EXPECT_TRUE(Files().empty());
}

TEST_F(LaneSentLogTest, BatchOfWhichSomeIsSettledIsBroken) {
  notes_->NoteSent(Positions{1, 2, 3}, "a");
  notes_->NoteSettled(Positions{2});
  notes_->Flush();
  Kill();
  EXPECT_EQ(TextOf(Find().unsettled), Texts{"a:1,2,3!"});
  EXPECT_TRUE(found_settled_.Contains(2));
  EXPECT_FALSE(found_settled_.Contains(1));
}

TEST_F(LaneSentLogTest, EventsMayBeSettledInAnyOrderAndOfManyBatchesAtOnce) {
  notes_->NoteSent(Positions{1, 2, 3}, "a");
  notes_->NoteSent(Positions{4, 6}, "b");
  notes_->NoteSent(Positions{5, 7}, "c");
  notes_->NoteSettled(Positions{4, 6, 5, 7, 9, 3, 1, 2});
  notes_->Flush();
  Kill();
  EXPECT_TRUE(Find().unsettled.empty());
  EXPECT_EQ(found_settled_.Runs(), (std::map<uint64_t, uint64_t>{{1, 8}, {9, 10}}));
}

TEST_F(LaneSentLogTest, EmptyStampEndsABatch) {
  notes_->NoteSent(Positions{1, 2}, "a");
  notes_->NoteSent(Positions{3}, "b");
  notes_->Flush();
  notes_->NoteSent(Positions{2}, {});
  notes_->Flush();
  Kill();
  EXPECT_EQ(TextOf(Find().unsettled), Texts{"b:3"});
  EXPECT_EQ(found_settled_.End(), 0U);
}

TEST_F(LaneSentLogTest, BatchTooLargeForANoteEndsTheBatchesBefore) {
  notes_->NoteSent(Positions{2'000}, "a");
  notes_->NoteSent(Positions{1}, "b");
  notes_->Flush();
  notes_->NoteSent(Next(kSentEventsMax + 5), "large");
  notes_->NoteSent(Positions{1}, std::string(kSentStampBytesMax + 1, 's'));
  notes_->Flush();
  Kill();
  EXPECT_TRUE(Find().unsettled.empty());
  EXPECT_EQ(Warnings(), 0U);
}

TEST_F(LaneSentLogTest, AfterAMebibyteANewFileHoldsAllUnsettledBatches) {
  notes_->NoteSent(Positions{1, 2}, "a");
  notes_->NoteSent(Positions{3, 4}, "b");
  notes_->NoteSettled(Positions{3});
  FillAFile();
  ASSERT_EQ(Files(), (std::vector<uint64_t>{0, 1}));
  EXPECT_GT(disk_.Seen(SentName(0)).size(), kSentFileBytesMax);
  EXPECT_LT(disk_.Seen(SentName(0)).size(), kSentFileBytesMax + 32'000);
  notes_->NoteSettled(Positions{1, 2});
  notes_->Flush();
  Kill();
  ASSERT_TRUE(folder_->Remove(SentName(0)));
  EXPECT_EQ(TextOf(Find().unsettled), Texts{"b:3,4"}) << "the other one is noted again, to be settled";
  EXPECT_TRUE(found_settled_.Contains(2));
}

TEST_F(LaneSentLogTest, BrokenBatchIsCopiedToo) {
  settled_ = SettledMap(1'000);
  notes_->NoteSent(Positions{1, 2, 3}, "a");
  notes_->NoteSent(Positions{4, 5}, "b");
  notes_->NoteSettled(Positions{2, 5, 4});
  FillAFile();
  notes_->Flush();
  SaveCheckpoint();
  notes_->Flush();
  ASSERT_EQ(Files(), std::vector<uint64_t>{1});
  Kill();
  found_settled_ = SettledMap();
  found_settled_.Mark(2, 3);
  EXPECT_EQ(TextOf(FindSent(*folder_, kEnd, found_settled_).unsettled), Texts{"a:1,2,3!"});
}

TEST_F(LaneSentLogTest, OldFileIsRemovedWhenACheckpointHoldsWhatItSettles) {
  settled_ = SettledMap(1'000);
  FillAFile();
  ASSERT_EQ(Files(), (std::vector<uint64_t>{0, 1}));
  SaveCheckpoint();
  notes_->Flush();
  EXPECT_EQ(Files().size(), 2U) << "that snapshot may be from before, as far as the lane knows";
  TakeSnapshot();
  notes_->Flush();
  EXPECT_EQ(Files().size(), 2U) << "it isn't saved yet";
  SaveSnapshot();
  notes_->Flush();
  EXPECT_EQ(Files(), std::vector<uint64_t>{1});
}

TEST_F(LaneSentLogTest, OldFileStaysWhileALaterCheckpointMayNotHoldWhatItSettles) {
  settled_ = SettledMap(0);
  settled_.Mark(0, 1'000 - kCheckpointRunsMax % 1'000);
  FillAFile();
  notes_->Flush();
  settled_ = SettledMap(0);
  settled_.Mark(kCheckpointRunsMax + 1, next_);  // one run, which a checkpoint contains
  SaveCheckpoint();
  notes_->Flush();
  EXPECT_EQ(Files().size(), 2U) << "the events before it may be settled one here, one there";
  settled_.Mark(1, 2);
  SaveCheckpoint();
  notes_->Flush();
  EXPECT_EQ(Files().size(), 1U);
}

TEST_F(LaneSentLogTest, FilesStayWithinTheirSizeLimit) {
  notes_->NoteSent(Positions{1}, "first");
  uint64_t most = 0;
  while (Warnings() == 0) {
    const Positions positions = Next(100'000);
    notes_->NoteSent(positions, "many");
    notes_->Flush();
    notes_->NoteSettled(positions);
    most = std::max(most, FileBytes());
    ASSERT_LE(most, kSentLaneBytesMax);
  }
  EXPECT_GT(most, kSentLaneBytesMax - (kSentFileBytesMax / 2));
  settled_ = SettledMap(2);
  for (int i = 0; i < 3; ++i) notes_->Flush();
  EXPECT_EQ(Resumed(), 0U) << "no checkpoint was saved";
  EXPECT_EQ(Warnings(), 1U);
  settled_ = SettledMap(next_);
  SaveCheckpoint();
  notes_->Flush();
  notes_->Flush();
  EXPECT_EQ(Resumed(), 1U);
  EXPECT_LT(FileBytes(), uint64_t{2} * kSentFileBytesMax);
  Kill();
  EXPECT_EQ(TextOf(Find().unsettled), Texts{"first:1"});
}

class LaneSentLogFaultTest : public LaneSentLogTest,
                             public ::testing::WithParamInterface<std::pair<DiskCall, DiskFault>> {};

TEST_P(LaneSentLogFaultTest, NotingPausesAndContinuesInAnotherFile) {
  const auto [call, fault] = GetParam();
  if (call == DiskCall::kWrite) {
    notes_->NoteSent(Positions{1}, "before");
    notes_->Flush();
  }
  disk_.FailOneIn(call, 1, fault);
  notes_->NoteSent(Positions{2, 3}, "a");
  notes_->NoteSent(Positions{4}, "b");
  notes_->Flush();
  EXPECT_EQ(Warnings(), 1U);
  clock_.Advance(std::chrono::seconds(5));
  notes_->Flush();
  EXPECT_EQ(Warnings(), 1U) << "warned of once";
  disk_.FailNoMore();
  notes_->Flush();
  EXPECT_EQ(Resumed(), 0U) << "it does not resume at once";
  notes_->NoteSettled(Positions{4});
  notes_->NoteSent(Positions{5}, "c");
  clock_.Advance(std::chrono::seconds(5));
  notes_->Flush();
  EXPECT_EQ(Resumed(), 1U);
  notes_->NoteSettled(Positions{2, 3});
  notes_->NoteSent(Positions{6}, "d");
  notes_->Flush();
  Kill();
  auto found = TextOf(Find().unsettled);
  std::erase(found, "b:4");  // a write that failed may have been whole
  EXPECT_EQ(found, call == DiskCall::kWrite ? (Texts{"before:1", "c:5", "d:6"}) : (Texts{"c:5", "d:6"}));
  EXPECT_TRUE(found_settled_.Contains(3));
  EXPECT_FALSE(found_settled_.Contains(4)) << "noting was paused";

  folder_ = disk_.Mount();
  disk_.FailOneIn(call, 1, fault);
  Begin({}, 100);
  notes_->NoteSent(Positions{9}, "e");
  notes_->Flush();
  EXPECT_EQ(Warnings(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Faults, LaneSentLogFaultTest,
                         ::testing::Values(std::pair(DiskCall::kWrite, DiskFault::kEio),
                                           std::pair(DiskCall::kWrite, DiskFault::kNoSpace),
                                           std::pair(DiskCall::kCreate, DiskFault::kEio),
                                           std::pair(DiskCall::kCreate, DiskFault::kNoFiles)));

TEST_F(LaneSentLogTest, NewestFileStaysWhileNotingHasStopped) {
  notes_->NoteSent(Positions{1}, "a");
  notes_->Flush();
  disk_.FailOneIn(DiskCall::kWrite, 1, DiskFault::kEio);
  notes_->NoteSent(Positions{2}, "b");
  notes_->Flush();
  settled_ = SettledMap(kEnd);
  for (int i = 0; i < 3; ++i) {
    SaveCheckpoint();
    notes_->Flush();
  }
  Kill();
  disk_.FailNoMore();
  EXPECT_EQ(TextOf(Find().unsettled), Texts{"a:1"});
}

TEST_F(LaneSentLogTest, FileThatCannotBeBegunLeavesThePreviousNotes) {
  notes_->NoteSent(Positions{1}, "a");
  notes_->Flush();
  disk_.FailOneIn(DiskCall::kCreate, 1, DiskFault::kEio);
  while (Warnings() == 0) {
    const Positions positions = Next(10'000);
    notes_->NoteSent(positions, "filling");
    notes_->Flush();
    Settle(positions);
  }
  Kill();
  disk_.FailNoMore();
  EXPECT_EQ(TextOf(Find().unsettled).front(), "a:1");
  EXPECT_TRUE(found_settled_.Contains(1'000));
}

TEST_F(LaneSentLogTest, UnfinishedFileIsRemovedAsSoonAsItCan) {
  disk_.FailNth(DiskCall::kWrite, 1, DiskFault::kEio);
  disk_.FailNth(DiskCall::kRemove, 1, DiskFault::kEio);
  notes_->NoteSent(Positions{1}, "a");
  notes_->Flush();
  EXPECT_EQ(Files(), std::vector<uint64_t>{0});
  clock_.Advance(std::chrono::seconds(5));
  notes_->Flush();
  SaveCheckpoint();
  notes_->Flush();
  EXPECT_EQ(Files(), std::vector<uint64_t>{1});
  Kill();
  EXPECT_EQ(TextOf(Find().unsettled), Texts{"a:1"});
}

TEST_F(LaneSentLogTest, MoreThanOneFlushCanWriteIsCopiedInstead) {
  for (int i = 0; i < 12; ++i) notes_->NoteSent(Next(kSentEventsMax), "s" + std::to_string(i));
  EXPECT_EQ(Warnings(), 1U);
  notes_->Flush();
  EXPECT_EQ(Resumed(), 1U);
  Kill();
  EXPECT_EQ(Find().unsettled.size(), 5U) << "the most that a start accepts";
}

TEST_F(LaneSentLogTest, BatchesOfPreviousRunsAreGivenOnceAndNotedAgain) {
  Begin({{"a", {1, 2}}, {"b", {3, 5}, true}}, 7);
  SettledMap settled;
  settled.Mark(5, 6);
  notes_->Begin(settled, kCheckpointRunsMax);
  EXPECT_EQ(Files(), std::vector<uint64_t>{7});
  EXPECT_EQ(TextOf(notes_->TakeUnsettled()), (Texts{"a:1,2", "b:3,5!"}));
  EXPECT_TRUE(notes_->TakeUnsettled().empty());
  notes_->NoteSettled(Positions{1, 2});
  notes_->Flush();
  Kill();
  found_settled_ = settled;
  const auto found = FindSent(*folder_, kEnd, found_settled_);
  EXPECT_EQ(TextOf(found.unsettled), Texts{"b:3,5!"});
}

TEST_F(LaneSentLogTest, StartNotesWhatLaterCheckpointsMayNotHold) {
  constexpr uint64_t kRuns = 3;
  SettledMap settled(10);
  settled.Mark(12, 14);  // two before it that are not
  settled.Mark(15, 20);  // three
  settled.Mark(22, 30);  // five
  settled.Mark(31, 32);
  notes_->Begin(settled, kRuns);
  Kill();
  Find();
  EXPECT_EQ(found_settled_.Runs(), (std::map<uint64_t, uint64_t>{{22, 30}, {31, 32}}));
}

}  // namespace
}  // namespace ei::wal
