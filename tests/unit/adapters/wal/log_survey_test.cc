#include "adapters/wal/log_survey.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "adapters/wal/log_limits.h"
#include "base/crc32c.h"
#include "support/written_log.h"

namespace ei::wal {
namespace {

using Behind = SurveyedSegment::Behind;
using Slot = CheckpointView::Slot;
using support::WrittenLog;
constexpr uint64_t kPerSegment = WrittenLog::kSegmentEvents;

class LogSurveyTest : public testing::Test {
 protected:
  LogSurvey Survey() const {
    auto directory = PosixDirectory::OpenReadOnly(log_.Folder());
    EXPECT_TRUE(directory) << directory.error().message;
    auto survey = SurveyLog(**directory);
    EXPECT_TRUE(survey) << survey.error().message;
    return survey ? *survey : LogSurvey{};
  }
  base::Error SurveyFault() const {
    auto directory = PosixDirectory::OpenReadOnly(log_.Folder());
    auto survey = SurveyLog(**directory);
    EXPECT_FALSE(survey);
    return survey ? base::Error{} : survey.error();
  }
  void Replace(const std::string& name, const std::string& content) const {
    support::WriteFile(log_.Path(name), content);
  }

  WrittenLog log_;
};

TEST_F(LogSurveyTest, SegmentThatIsNoFileIsDamage) {
  log_.Commit(20);
  log_.Stop();
  std::filesystem::rename(log_.Path(SegmentName(1)), log_.Path("kept"));
  ASSERT_EQ(::mkfifo(log_.Path(SegmentName(1)).c_str(), 0600), 0);
  for (int kind = 0; kind < 3; ++kind) {
    const LogSurvey survey = Survey();
    ASSERT_EQ(survey.segments.size(), 3u);
    EXPECT_FALSE(survey.segments[1].readable);
    ASSERT_EQ(survey.segments[1].damage.size(), 1u);
    EXPECT_EQ(survey.segments[1].damage[0].what, "it is not a file");
    EXPECT_EQ(survey.segments[0].behind, Behind::kUnknown);
    EXPECT_EQ(survey.end, 40u);
    std::filesystem::remove(log_.Path(SegmentName(1)));
    if (kind == 0) std::filesystem::create_symlink("kept", log_.Path(SegmentName(1)));
    if (kind == 1) std::filesystem::create_directory(log_.Path(SegmentName(1)));
  }
}

TEST_F(LogSurveyTest, LostHeaderIsReadFromTheFirstFrame) {
  log_.Commit(20);
  log_.Stop();
  log_.DamageHeader(1);
  const LogSurvey survey = Survey();
  ASSERT_TRUE(survey.segments[1].readable);
  EXPECT_EQ(survey.segments[1].header.first_position, kPerSegment);
  EXPECT_EQ(survey.segments[1].damage.size(), 1u);
  EXPECT_EQ(survey.segments[0].behind, Behind::kNext);
}

TEST_F(LogSurveyTest, LostHeaderOfTheNewestSegmentIsNoPreparedSegment) {
  log_.Commit(20);
  log_.Stop();
  log_.DamageHeader(2);
  EXPECT_EQ(Survey().segments.size(), 3u);
  EXPECT_EQ(Survey().end, 40u);
  // A range of sectors that reads as zeros.
  std::string content = support::ReadFile(log_.Path(SegmentName(2)));
  Replace(SegmentName(2), content.replace(0, kSegmentHeaderBytes, kSegmentHeaderBytes, '\0'));
  EXPECT_EQ(Survey().segments.size(), 3u);
  EXPECT_EQ(Survey().end, 40u);
}

TEST_F(LogSurveyTest, LostHeaderAndFirstFrameLeaveNothingToRead) {
  log_.Commit(20);
  log_.Stop();
  log_.Damage(SegmentName(2), 0, kSegmentHeaderBytes + kSectorBytes);
  const LogSurvey survey = Survey();
  ASSERT_EQ(survey.segments.size(), 3u);
  EXPECT_FALSE(survey.segments[2].readable);
  EXPECT_EQ(survey.segments[1].behind, Behind::kUnknown);
  EXPECT_EQ(survey.end, 40u) << "the checkpoint contains it";
}

TEST_F(LogSurveyTest, OneDamagedCopyOfTheHeaderIsReported) {
  log_.Commit(3);
  log_.Stop();
  log_.Damage(SegmentName(0), kSectorBytes + 3);
  const LogSurvey survey = Survey();
  ASSERT_TRUE(survey.segments[0].readable);
  ASSERT_EQ(survey.segments[0].damage.size(), 1u);
  EXPECT_EQ(survey.segments[0].damage[0].from_byte, kSectorBytes);
}

TEST_F(LogSurveyTest, UnknownVersionIsRejected) {
  log_.Commit(3);
  log_.Stop();
  std::string fields;
  fields.append({4, 0, 0, 0}).append(32, '\0');
  std::string sector = "EI-WAL\r\n";
  const uint32_t crc = base::Crc32c(fields);
  sector.append(reinterpret_cast<const char*>(&crc), 4).append(fields).resize(kSectorBytes);
  Replace(SegmentName(0), sector + sector);
  EXPECT_EQ(SurveyFault().kind, base::ErrorKind::kInvalid);
  EXPECT_NE(SurveyFault().message.find("is of format version 4, this program reads versions up to 3"),
            std::string::npos);
}

TEST_F(LogSurveyTest, HugeNumbersWithRightChecksumsAreDamage) {
  log_.Commit(3);
  log_.Stop();
  constexpr uint64_t kHuge = ~uint64_t{0};
  for (const SegmentHeader& header : {SegmentHeader{7, kHuge, 1, kHuge}, SegmentHeader{kHuge, 0, 1, kHuge},
                                      SegmentHeader{kHuge, kHuge, 1, 0}}) {
    Replace(SegmentName(header.number), EncodeSegmentHeader(header));
    const LogSurvey survey = Survey();
    EXPECT_EQ(survey.segments.size() + survey.prepared.size(), 3u);
    EXPECT_EQ(survey.end, 6u);
    EXPECT_LE(survey.next_segment, 8u);
    std::filesystem::remove(log_.Path(SegmentName(header.number)));
  }
  // A header may lie about the size of its file: no more than that is read.
  SegmentHeader header = Survey().segments[0].header;
  header.segment_bytes = kHuge;
  const std::string content = support::ReadFile(log_.Path(SegmentName(0)));
  Replace(SegmentName(0), EncodeSegmentHeader(header) + content.substr(kSegmentHeaderBytes));
  EXPECT_EQ(Survey().segments[0].read_bytes, content.size());
}

TEST_F(LogSurveyTest, CheckpointThatIsGoneOrNoFileIsDamage) {
  log_.Commit(3);
  log_.Settle(2);
  log_.Stop();
  std::filesystem::remove(log_.Path(kCheckpointName));
  EXPECT_EQ(Survey().checkpoint.damage, "is missing");
  EXPECT_EQ(Survey().settled.Unsettled(0, 6), 6u);
  std::filesystem::create_symlink("/dev/zero", log_.Path(kCheckpointName));
  EXPECT_EQ(Survey().checkpoint.damage, "is not a file");
}

TEST_F(LogSurveyTest, OneDamagedSlotIsNoDamageAndTwoAre) {
  log_.Commit(3);
  log_.Settle(2);
  log_.Settle(2);
  log_.Stop();
  const uint64_t generation = Survey().checkpoint.generation;
  log_.Damage(kCheckpointName, generation % 2 * kCheckpointSlotBytes + 9);
  EXPECT_EQ(Survey().checkpoint.damage, "");
  EXPECT_EQ(Survey().checkpoint.generation, generation - 1);
  EXPECT_EQ(Survey().checkpoint.slots[generation % 2], Slot::kDamaged);
  log_.Damage(kCheckpointName, (generation - 1) % 2 * kCheckpointSlotBytes + 9);
  EXPECT_EQ(Survey().checkpoint.damage, "both of its slots are damaged");
  EXPECT_EQ(Survey().settled.Below(), 0u);
}

TEST_F(LogSurveyTest, CheckpointWithHugeNumbersIsDamaged) {
  log_.Stop();
  const auto save = [&](const Checkpoint& checkpoint, uint64_t generation) {
    std::string slot = EncodeCheckpoint(checkpoint, generation);
    slot.resize(kCheckpointSlotBytes);
    Replace(kCheckpointName,
            generation % 2 == 0 ? slot + slot : std::string(kCheckpointSlotBytes, '\0') + slot);
    return Survey().checkpoint.newest.has_value();
  };
  EXPECT_TRUE(save({5, 5, SettledMap(5)}, 3));
  EXPECT_FALSE(save({5, 5, SettledMap(5)}, ~uint64_t{0}));
  EXPECT_FALSE(save({~uint64_t{0}, 5, SettledMap(5)}, 3));
  EXPECT_FALSE(save({5, ~uint64_t{0}, SettledMap(5)}, 3));
  EXPECT_FALSE(save({5, 5, SettledMap(~uint64_t{0})}, 3));
}

TEST_F(LogSurveyTest, TornCommitIsBehindTheEnd) {
  log_.Commit(3);
  log_.Crash();
  log_.DamageEvent(0, 2);
  const LogSurvey survey = Survey();
  EXPECT_EQ(survey.end, 4u);
  EXPECT_EQ(survey.segments[0].torn_at, WrittenLog::FrameOffset(2));
}

// The newest commit that a start finds is copied into a new segment before anything is appended.
TEST_F(LogSurveyTest, SegmentWhoseFirstCommitIsTornLeavesItsEventsToTheOneBefore) {
  log_.Commit(3);
  log_.CrashAfterACopy();
  ASSERT_EQ(Survey().segments.size(), 2u);
  EXPECT_EQ(Survey().segments[0].positions_end, 4u);
  const SurveyedSegment copy = Survey().segments[1];
  EXPECT_EQ(copy.header.first_position, 4u);
  log_.DamageHeader(copy.number);
  log_.DamageEvent(copy.number, 0);
  for (int kind = 0; kind < 2; ++kind) {
    const LogSurvey survey = Survey();
    ASSERT_EQ(survey.segments.size(), 1u);
    EXPECT_EQ(survey.segments[0].positions_end, 6u);
    EXPECT_EQ(survey.segments[0].behind, Behind::kNothing);
    EXPECT_EQ(survey.unfinished, std::vector{copy.name});
    EXPECT_EQ(survey.end, 6u);
    EXPECT_GT(survey.next_segment, copy.number);
    log_.Damage(copy.name, WrittenLog::FrameOffset(1) - 8, 8);  // its end is gone too
  }
}

TEST_F(LogSurveyTest, DamageOfWhatWasDurableIsNotTorn) {
  log_.Commit(3);
  log_.Settle(1);
  log_.Stop();
  log_.DamageEvent(0, 2);
  const LogSurvey survey = Survey();
  EXPECT_EQ(survey.end, 6u);
  EXPECT_FALSE(survey.segments[0].torn_at);
}

TEST_F(LogSurveyTest, SegmentThatIsMissingLeavesAGap) {
  log_.Commit(20);
  log_.Stop();
  std::filesystem::remove(log_.Path(SegmentName(1)));
  EXPECT_EQ(Survey().segments[0].behind, Behind::kUnknown);
  EXPECT_EQ(Survey().segments[0].positions_end, 2 * kPerSegment);
  EXPECT_TRUE(Survey().damage.empty());
  log_.Start();
  log_.Stop();
}

TEST_F(LogSurveyTest, FirstSegmentThatIsMissingIsDamageOfTheLog) {
  log_.Commit(20);
  log_.Settle(1);
  log_.Stop();
  std::filesystem::remove(log_.Path(SegmentName(0)));
  const LogSurvey survey = Survey();
  ASSERT_EQ(survey.damage.size(), 1u);
  EXPECT_EQ(survey.damage[0].from_position, 1u);
  EXPECT_EQ(survey.damage[0].to_position, kPerSegment);
}

TEST_F(LogSurveyTest, EmptyFolderIsASoundLog) {
  log_.Crash();
  for (const std::string& name : log_.Names()) std::filesystem::remove(log_.Path(name));
  const LogSurvey survey = Survey();
  EXPECT_TRUE(survey.segments.empty() && survey.prepared.empty() && survey.damage.empty());
  EXPECT_FALSE(survey.checkpoint.exists);
  EXPECT_EQ(survey.checkpoint.damage, "");
  EXPECT_EQ(survey.end, 0u);
}

TEST_F(LogSurveyTest, RunningLogIsSeenWithItsPreparedSegments) {
  log_.Commit(20);
  log_.Settle(kPerSegment + 3);
  const LogSurvey survey = Survey();
  ASSERT_EQ(survey.segments.size(), 2u);
  EXPECT_EQ(survey.segments[0].number, 1u);
  EXPECT_EQ(survey.settled.Below(), kPerSegment + 3);
  EXPECT_EQ(survey.end, 40u);
  EXPECT_GE(survey.prepared.size(), 1u);
  EXPECT_TRUE(survey.damage.empty());
  for (const SurveyedSegment& segment : survey.segments) EXPECT_TRUE(segment.damage.empty());
}

}  // namespace
}  // namespace ei::wal
