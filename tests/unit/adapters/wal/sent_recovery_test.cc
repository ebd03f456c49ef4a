#include "adapters/wal/sent_recovery.h"

#include <gtest/gtest.h>

#include "adapters/wal/checkpoint.h"
#include "adapters/wal/log_repair.h"
#include "support/sim_disk.h"
#include "support/wal_rig.h"
#include "unit/adapters/wal/found_sent.h"

namespace ei::wal {
namespace {

using Positions = std::vector<uint64_t>;
using Texts = std::vector<std::string>;
using support::DiskCall;
using support::DiskFault;
using support::Numbered;

constexpr uint64_t kEnd = 100;

// A file of notes, in one frame.
class Notes {
 public:
  explicit Notes(const SentHeader& header = {}) : header_(header) {}

  Notes& Sent(const Positions& positions, std::string_view stamp) {
    AppendSent(notes_, positions, stamp);
    return *this;
  }
  Notes& SettledBatch(uint64_t first) {
    AppendSettledBatch(notes_, first);
    return *this;
  }
  Notes& Settled(uint64_t begin, uint64_t end) {
    AppendSettled(notes_, std::vector<PositionRun>{{begin, end}});
    return *this;
  }
  std::string Bytes() const {
    std::string bytes = EncodeSentHeader(header_);
    AppendSentFrame(bytes, notes_);
    return bytes;
  }

 private:
  SentHeader header_;
  std::string notes_;
};

class SentRecoveryTest : public ::testing::Test {
 protected:
  void Put(uint64_t number, const Notes& notes) { disk_.PutFile(SentName(number), notes.Bytes()); }
  FoundSent Find() {
    folder_ = disk_.Mount();
    return FindSent(*folder_, kEnd, settled_);
  }

  support::SimDisk disk_{1};
  std::unique_ptr<Directory> folder_;
  SettledMap settled_;
};

TEST_F(SentRecoveryTest, PositionsFromTheEndOnAreIgnored) {
  Put(0, Notes().Sent({1, kEnd - 1}, "a").Sent({2, kEnd}, "beyond").Settled(kEnd + 5, kEnd + 9));
  Put(1, Notes().Sent({50}, "b"));
  Put(2, Notes().Settled(90, kEnd + 1));
  const auto found = Find();
  EXPECT_EQ(TextOf(found.unsettled), (Texts{"a:1,99!", "b:50"}));
  EXPECT_EQ(settled_.End(), kEnd);
  EXPECT_EQ(found.unreliable, (std::vector<uint64_t>{0, 2}));
  EXPECT_EQ(found.durable_end, kEnd);
}

TEST_F(SentRecoveryTest, IgnoredBatchStillReplacesEarlierOnes) {
  Put(0, Notes().Sent({1, 2}, "a").Sent({2, kEnd}, "beyond"));
  EXPECT_TRUE(Find().unsettled.empty());
}

TEST_F(SentRecoveryTest, SettledBatchIsOneOfTheSameFile) {
  Put(0, Notes().Sent({1, 2}, "a"));
  Put(1, Notes().SettledBatch(1));
  EXPECT_EQ(TextOf(Find().unsettled), Texts{"a:1,2"});
  EXPECT_EQ(settled_.End(), 0U);
}

TEST_F(SentRecoveryTest, SettledBatchIsNamedByItsFirstPosition) {
  Put(0, Notes().Sent({1, 2}, "a").SettledBatch(2));
  EXPECT_EQ(TextOf(Find().unsettled), Texts{"a:1,2"});
}

TEST_F(SentRecoveryTest, BatchOfOneFileIsSettledByPositionsOfAnother) {
  Put(0, Notes({0, 2}).Sent({1, 2}, "a").Sent({3, 4}, "b"));
  Put(1, Notes({1, 2}).Sent({5}, "c").Settled(1, 4));
  const auto found = Find();
  EXPECT_EQ(TextOf(found.unsettled), (Texts{"b:3,4!", "c:5"}));
  EXPECT_EQ(found.unsettled[0].by, (SentHeader{0, 2}));
  EXPECT_EQ(found.unsettled[1].by, (SentHeader{1, 2}));
}

TEST_F(SentRecoveryTest, CopiesOfAStartThatWasCutShortSayTheSame) {
  Put(0, Notes().Sent({1, 2}, "a").Sent({3}, "b").SettledBatch(3).Sent({4, 5}, "c"));
  Put(1, Notes().Sent({1, 2}, "a").Sent({4, 5}, "c").Settled(3, 4));
  EXPECT_EQ(TextOf(Find().unsettled), (Texts{"a:1,2", "c:4,5"}));
}

TEST_F(SentRecoveryTest, DamagedHeaderCostsItsFile) {
  Put(0, Notes().Sent({1}, "a").Settled(10, 20));
  Put(1, Notes().Sent({2}, "b"));
  disk_.FlipBit(SentName(0), 9, 3);
  EXPECT_EQ(TextOf(Find().unsettled), Texts{"b:2"});
  EXPECT_EQ(settled_.End(), 0U);
}

TEST_F(SentRecoveryTest, FileThatCannotBeReadCostsItsNotesOnly) {
  Put(0, Notes().Sent({1}, "a"));
  Put(1, Notes().Sent({2}, "b"));
  disk_.MakeUnreadable(SentName(0), 0, 512);
  const auto found = Find();
  EXPECT_EQ(TextOf(found.unsettled), Texts{"b:2"});
  EXPECT_EQ(found.fault, EIO);
}

TEST_F(SentRecoveryTest, MoreThanAnyLogLeavesIsIgnored) {
  std::string bytes = EncodeSentHeader({});
  const std::string stamp(kSentStampBytesMax, 's');
  uint64_t position = 0;
  for (int frame = 0; frame < 25; ++frame) {
    std::string notes;
    while (notes.size() < kSentFrameBytesMax - 2'000) AppendSent(notes, Positions{position++}, stamp);
    AppendSentFrame(bytes, notes);
  }
  disk_.PutFile(SentName(0), bytes);
  folder_ = disk_.Mount();
  EXPECT_LE(FindSent(*folder_, position, settled_).unsettled.size(), (64U << 20) / kSentStampBytesMax);
}

// The folder's sync fails, which the next start can't know; then the power goes.
TEST_F(SentRecoveryTest, UntrueNotesDontComeBack) {
  Put(0, Notes().Settled(kEnd, kEnd + 5));
  const auto found = Find();
  disk_.FailOneIn(DiskCall::kSyncNames, 1, DiskFault::kLost);
  EXPECT_FALSE(RemoveSent(*folder_, found));
  disk_.FailNoMore();
  EXPECT_TRUE(SentNumbers(*folder_).empty());
  EXPECT_TRUE(folder_->Sync());
  disk_.Crash();
  folder_ = disk_.Mount();
  FindSent(*folder_, kEnd + 10, settled_);
  EXPECT_EQ(settled_.End(), 0U);
}

// The same with a journal around it.
class SentJournalTest : public ::testing::Test {
 protected:
  void Begin() {
    rig_.Open(*folder_);
    rig_.Work();
  }
  void Kill() {
    rig_.Close();
    disk_.KillProcess();
    folder_ = disk_.Mount();
  }
  // `count` events, durable and taken.
  void Take(uint64_t first, uint64_t count) {
    ASSERT_EQ(rig_.Append(Numbered(first, count)), AppendResult::kAppended);
    while (rig_.Journal().Commit() == Work::kDone) {
    }
    rig_.Take();
  }
  SentLog& Sent(size_t lane = 0) { return *rig_.Journal().Sent(lane); }
  Texts Unsettled(size_t lane = 0) { return TextOf(Sent(lane).TakeUnsettled()); }

  support::SimDisk disk_{1};
  std::unique_ptr<Directory> folder_ = disk_.Mount();
  support::WalRig rig_{{.bytes_max = 256 << 10, .segment_bytes = 16 << 10, .lanes = 1}};
};

TEST_F(SentJournalTest, AKillDeliversNothingTwiceThatIsNotedAsSettled) {
  Begin();
  Take(0, 6);
  Sent().NoteSent(Positions{0, 1}, "a");
  Sent().NoteSent(Positions{2, 3}, "b");
  Sent().NoteSettled(Positions{0, 1});
  Sent().NoteSettled(Positions{5});
  Sent().Flush();
  for (int run = 0; run < 3; ++run) {
    Kill();
    Begin();
    EXPECT_EQ(Unsettled(), Texts{"b:2,3"}) << run;
    EXPECT_EQ(rig_.Take(), (Texts{"2", "3", "4"})) << run;
    EXPECT_EQ(rig_.Journal().Counts().recovered, 3U);
  }
  rig_.Settle();
  EXPECT_EQ(rig_.Journal().Stats().events, 0U);
}

// The lane sends nothing before it has the whole batch, so nothing else frees memory for the rest.
TEST_F(SentJournalTest, SentEventsAreReadBackWhetherTheyFitOrNot) {
  rig_.Options().window_events_max = 10;
  Begin();
  for (uint64_t i = 0; i < 30; ++i) {
    ASSERT_EQ(rig_.Append(Numbered(i, 1)), AppendResult::kAppended);
    rig_.Work();
  }
  ASSERT_EQ(rig_.Take(), Numbered(0, 10));
  Sent().NoteSent(Positions{0, 8}, "a");
  Sent().NoteSent(Positions{1, 2, 9}, "b");
  Sent().Flush();
  Kill();
  rig_.Options().window_events_max = 4;
  Begin();
  rig_.Work();
  EXPECT_EQ(rig_.Take(), Numbered(0, 10));
  rig_.Work();
  EXPECT_EQ(rig_.Take(), Texts{}) << "the others wait for room";
}

TEST_F(SentJournalTest, NewestCommitThatWasSentIsNotWrittenAgain) {
  Begin();
  Take(0, 4);
  Sent().NoteSent(Positions{0}, "a");
  Sent().Flush();
  Kill();
  rig_.Open(*folder_);
  EXPECT_EQ(rig_.Journal().DurableEnd(), 4U);
  rig_.Work();
  EXPECT_EQ(rig_.Journal().Counts().commits, 0U);
  EXPECT_EQ(rig_.Take().size(), 4U);
}

TEST_F(SentJournalTest, OtherLanesGetNoBatchesAndSettledEventsStaySettled) {
  rig_.Options().lanes = 2;
  Begin();
  Take(0, 4);
  Sent(0).NoteSent(Positions{0, 1}, "a");
  Sent(1).NoteSent(Positions{2}, "b");
  Sent(1).NoteSettled(Positions{3});
  Sent(0).Flush();
  Sent(1).Flush();
  Kill();
  Begin();
  EXPECT_EQ(Unsettled(0), Texts{"a:0,1"});
  EXPECT_EQ(Unsettled(1), Texts{"b:2"});
  Kill();
  rig_.Options().lanes = 1;
  Begin();
  EXPECT_TRUE(Unsettled().empty());
  EXPECT_EQ(rig_.Take(), (Texts{"0", "1", "2"}));
  Kill();
  rig_.Options().lanes = 2;
  Begin();
  EXPECT_TRUE(Unsettled(0).empty() && Unsettled(1).empty())
      << "they may have been sent in other batches since";
}

// The log is deleted up to some file and its notes stay; the next starts are killed at every step.
TEST_F(SentJournalTest, WithoutACheckpointNotesCountForNothing) {
  for (uint64_t operations = 1;; ++operations) {
    Begin();
    Take(0, 5);
    rig_.Settle();
    Sent().NoteSettled(Positions{0, 1, 2, 3, 4});
    Sent().Flush();
    const std::string notes = disk_.Seen(SentName(SentNumbers(*folder_).back()));
    rig_.Close();
    for (const std::string& name : disk_.SeenNames()) disk_.RemoveFile(name);
    Kill();
    // Another log, of which only the checkpoint is lost.
    Begin();
    Take(0, 5);
    Kill();
    for (const uint64_t number : SentNumbers(*folder_)) disk_.RemoveFile(SentName(number));
    disk_.RemoveFile(kCheckpointName);
    disk_.PutFile(SentName(9), notes);
    disk_.StopAfter(operations);
    const bool started = rig_.TryOpen(*folder_).has_value();
    Kill();
    Begin();
    rig_.Work();
    EXPECT_EQ(rig_.Take().size(), 5U) << "killed after " << operations << " operations";
    rig_.Close();
    for (const std::string& name : disk_.SeenNames()) disk_.RemoveFile(name);
    Kill();
    if (started || HasFailure()) break;
  }
}

// The last synced commit is damaged, so its positions are assigned again.
TEST_F(SentJournalTest, NotesOfEventsThatAreGoneTouchNoOthers) {
  for (uint64_t operations = 1;; ++operations) {
    Begin();
    Take(0, 3);
    Take(3, 3);
    Sent().NoteSettled(Positions{3, 4, 5});
    Sent().Flush();
    Kill();
    const std::string segment = disk_.Seen(SegmentName(0));
    disk_.FlipBit(SegmentName(0), segment.rfind("FRAM") + kFrameHeaderBytes, 2);
    disk_.StopAfter(operations);
    const bool started = rig_.TryOpen(*folder_).has_value();
    Kill();
    Begin();
    ASSERT_EQ(rig_.Append({"new 3", "new 4", "new 5"}), AppendResult::kAppended);
    rig_.Work();
    Kill();
    Begin();
    EXPECT_EQ(rig_.Take(), (Texts{"0", "1", "2", "new 3", "new 4", "new 5"}))
        << "killed after " << operations << " operations";
    rig_.Close();
    for (const std::string& name : disk_.SeenNames()) disk_.RemoveFile(name);
    Kill();
    if (started || HasFailure()) break;
  }
}

// A start has merged the notes into its checkpoint; then the last synced commit is damaged.
TEST_F(SentJournalTest, PositionsThatAreSettledAreNotGivenAgain) {
  Begin();
  Take(0, 3);
  Take(3, 3);
  Sent().NoteSettled(Positions{4, 5});
  Sent().Flush();
  Kill();
  rig_.Open(*folder_);
  Kill();
  const std::string segment = disk_.Seen(SegmentName(0));
  disk_.FlipBit(SegmentName(0), segment.rfind("FRAM") + kFrameHeaderBytes, 2);
  Begin();
  EXPECT_EQ(rig_.Append({"new"}).end, 7U);
  EXPECT_EQ(rig_.Drain(), (Texts{"0", "1", "2", "new"}));
  EXPECT_EQ(rig_.Journal().Counts().lost, 1U);
}

TEST_F(SentJournalTest, RepairRemovesTheNotes) {
  Begin();
  Take(0, 3);
  Sent().NoteSettled(Positions{1});
  Sent().Flush();
  Kill();
  const auto plan = PlanRepair(*folder_);
  ASSERT_TRUE(plan);
  ASSERT_TRUE(Repair(*folder_, *plan, 1));
  EXPECT_TRUE(SentNumbers(*folder_).empty());
  Begin();
  EXPECT_EQ(rig_.Drain().size(), 3U);
}

TEST_F(SentJournalTest, StartThatCannotNoteWarnsAndServes) {
  Begin();
  Take(0, 3);
  Sent().NoteSent(Positions{0}, "a");
  Sent().Flush();
  Kill();
  disk_.MakeUnreadable(SentName(0), 0, 512);
  Begin();
  EXPECT_EQ(rig_.Log().Count("WARN wal.dir (WAL_DIR): some notes of sent events can't be read"), 1U);
  EXPECT_TRUE(Unsettled().empty());
  EXPECT_EQ(rig_.Take().size(), 3U);
}

TEST_F(SentJournalTest, HugeFileNumbersDoNotUseUpTheNumbers) {
  Begin();
  Take(0, 2);
  Kill();
  disk_.PutFile("18446744073709551615.sent", Notes().Settled(1, 2).Bytes());
  Begin();
  EXPECT_EQ(rig_.Take(), Texts{"0"});
  Sent().NoteSent(Positions{0}, "a");
  Sent().Flush();
  EXPECT_EQ(SentNumbers(*folder_), std::vector<uint64_t>{0});
}

}  // namespace
}  // namespace ei::wal
