#include "adapters/wal/segment_reader.h"

#include <gtest/gtest.h>

#include "support/written_log.h"

namespace ei::wal {
namespace {

using support::WrittenLog;
constexpr uint64_t kPerSegment = WrittenLog::kSegmentEvents;

// Records all calls.
class Recorder final : public SegmentVisitor {
 public:
  void OnFrame(const FrameHeader& frame, uint64_t) override {
    ++frames;
    body_bytes = frame.body_bytes;
  }
  bool OnEvent(const LoggedEvent& event) override {
    positions.push_back(event.position);
    ids.emplace_back(event.Id());
    if (!event.settled) ++unsettled;
    return positions.size() < enough;
  }
  void OnDamage(const LogDamage& damage) override { damages.push_back(damage); }
  void OnMissing(uint64_t from, uint64_t to) override { missing.emplace_back(from, to); }

  size_t enough = ~size_t{0};
  uint64_t frames = 0;
  uint64_t body_bytes = 0;  // of the last frame
  uint64_t unsettled = 0;
  std::vector<uint64_t> positions;
  std::vector<std::string> ids;
  std::vector<LogDamage> damages;
  std::vector<std::pair<uint64_t, uint64_t>> missing;
};

class SegmentReaderTest : public testing::Test {
 protected:
  void Look() {
    auto directory = PosixDirectory::OpenReadOnly(log_.Folder());
    ASSERT_TRUE(directory) << directory.error().message;
    directory_ = std::move(*directory);
    auto survey = SurveyLog(*directory_);
    ASSERT_TRUE(survey) << survey.error().message;
    survey_ = std::move(*survey);
  }
  SegmentRead Read(size_t i) {
    recorder_ = {};
    return ReadSegment(*directory_, survey_.segments[i], survey_.settled, recorder_);
  }

  WrittenLog log_;
  std::unique_ptr<PosixDirectory> directory_;
  LogSurvey survey_;
  Recorder recorder_;
};

TEST_F(SegmentReaderTest, DamagedEventIsReportedWithItsPlaceAndTheOthersAreRead) {
  log_.Commit(10);
  log_.Stop();
  log_.DamageEvent(0, 1, 1);
  Look();
  EXPECT_EQ(Read(0), SegmentRead::kDone);
  EXPECT_EQ(recorder_.positions.size(), kPerSegment - 1);
  ASSERT_EQ(recorder_.damages.size(), 1u);
  const LogDamage& damage = recorder_.damages[0];
  EXPECT_EQ(damage.what, "an event's checksum is wrong");
  EXPECT_EQ(damage.from_position, 3u);
  EXPECT_EQ(damage.to_position, 4u);
  EXPECT_GT(damage.from_byte, WrittenLog::FrameOffset(1) + kFrameHeaderBytes);
  EXPECT_LT(damage.to_byte, WrittenLog::FrameOffset(2));
}

TEST_F(SegmentReaderTest, DamagedFrameIsAGapOfBytesAndPositions) {
  log_.Commit(10);
  log_.Stop();
  log_.DamageFrame(0, 2);
  log_.DamageFrame(0, 3);
  Look();
  Read(0);
  EXPECT_EQ(recorder_.positions.size(), kPerSegment - 4);
  ASSERT_EQ(recorder_.damages.size(), 1u);
  EXPECT_EQ(recorder_.damages[0].from_byte, WrittenLog::FrameOffset(2));
  EXPECT_EQ(recorder_.damages[0].to_byte, WrittenLog::FrameOffset(4));
  EXPECT_EQ(recorder_.damages[0].from_position, 4u);
  EXPECT_EQ(recorder_.damages[0].to_position, 8u);
}

TEST_F(SegmentReaderTest, DamagedEndIsFoundByTheNextSegment) {
  log_.Commit(10);
  log_.Stop();
  log_.DamageFrame(0, WrittenLog::kCommits - 1);
  Look();
  Read(0);
  ASSERT_EQ(recorder_.damages.size(), 1u);
  EXPECT_EQ(recorder_.damages[0].to_byte, WrittenLog::kSegmentBytes);
  EXPECT_EQ(recorder_.damages[0].from_position, kPerSegment - 2);
  EXPECT_EQ(recorder_.damages[0].to_position, kPerSegment);
}

TEST_F(SegmentReaderTest, DamagedEndOfTheNewestIsFoundByTheCheckpoint) {
  log_.Commit(3);
  log_.Settle(1);
  log_.Stop();
  log_.DamageFrame(0, 2);
  Look();
  Read(0);
  ASSERT_EQ(recorder_.damages.size(), 1u);
  EXPECT_EQ(recorder_.damages[0].from_position, 4u);
  EXPECT_EQ(recorder_.damages[0].to_position, 6u);
}

TEST_F(SegmentReaderTest, TornCommitIsNoDamage) {
  log_.Commit(3);
  log_.Crash();
  log_.DamageEvent(0, 2);
  Look();
  Read(0);
  EXPECT_TRUE(recorder_.damages.empty() && recorder_.missing.empty());
  EXPECT_EQ(recorder_.positions.size(), 4u);
}

TEST_F(SegmentReaderTest, TornCommitOfAnEarlierRunIsNoDamageEither) {
  log_.Commit(3);
  log_.Crash();
  log_.DamageEvent(0, 2);
  log_.Start();
  log_.Commit(1);
  log_.Stop();
  Look();
  ASSERT_EQ(survey_.segments.size(), 2u);
  Read(0);
  EXPECT_TRUE(recorder_.damages.empty() && recorder_.missing.empty());
  EXPECT_EQ(recorder_.positions.size(), 4u);
  Read(1);
  EXPECT_EQ(recorder_.positions, (std::vector<uint64_t>{4, 5}));
}

TEST_F(SegmentReaderTest, FileThatEndsEarlyIsReadAsFarAsItGoes) {
  log_.Commit(10);
  log_.Stop();
  std::filesystem::resize_file(log_.Path(SegmentName(0)), WrittenLog::FrameOffset(3) + 100);
  Look();
  Read(0);
  EXPECT_EQ(recorder_.positions.size(), 6u);
  ASSERT_EQ(recorder_.damages.size(), 2u);
  EXPECT_EQ(recorder_.damages[0].what, "the file ends early");
  EXPECT_EQ(recorder_.damages[1].from_position, 6u);
}

TEST_F(SegmentReaderTest, UnsettledEventsOfAMissingFileAreMissing) {
  log_.Commit(20);
  log_.Stop();
  std::filesystem::remove(log_.Path(SegmentName(1)));
  Look();
  Read(0);
  EXPECT_TRUE(recorder_.damages.empty());
  EXPECT_EQ(recorder_.missing, (std::vector<std::pair<uint64_t, uint64_t>>{{kPerSegment, 2 * kPerSegment}}));
}

TEST_F(SegmentReaderTest, SettledEventsOfAMissingFileAreNoDamage) {
  log_.Commit(20);
  log_.Settle(2 * kPerSegment, 3, 4);
  Look();
  ASSERT_EQ(survey_.segments.size(), 2u);
  EXPECT_EQ(survey_.segments[1].number, 2u);
  Read(0);
  EXPECT_TRUE(recorder_.damages.empty() && recorder_.missing.empty());
  EXPECT_EQ(recorder_.unsettled, 1u);
}

TEST_F(SegmentReaderTest, SegmentThatIsReleasedAfterTheSurveyIsGone) {
  log_.Commit(20);
  Look();
  log_.Settle(kPerSegment);  // recycled: the file is used again under another name
  EXPECT_EQ(Read(0), SegmentRead::kGone);
  EXPECT_TRUE(recorder_.damages.empty());
}

TEST_F(SegmentReaderTest, EventsWrittenAfterTheSurveyAreNotRead) {
  log_.Commit(2);
  Look();
  log_.Commit(20);
  EXPECT_EQ(Read(0), SegmentRead::kDone);
  EXPECT_EQ(recorder_.positions.size(), 4u);
  EXPECT_TRUE(recorder_.damages.empty() && recorder_.missing.empty());
}

TEST_F(SegmentReaderTest, LostHeaderDoesNotHideTheEvents) {
  log_.Commit(20);
  log_.Stop();
  log_.DamageHeader(2);
  Look();
  Read(2);
  EXPECT_EQ(recorder_.positions.size(), 40 - 2 * kPerSegment);
  ASSERT_EQ(recorder_.damages.size(), 1u);
}

TEST_F(SegmentReaderTest, VisitorMayStop) {
  log_.Commit(3);
  Look();
  recorder_.enough = 3;
  EXPECT_EQ(ReadSegment(*directory_, survey_.segments[0], survey_.settled, recorder_), SegmentRead::kEnough);
  EXPECT_EQ(recorder_.positions.size(), 3u);
}

TEST_F(SegmentReaderTest, EveryDamagedByteIsNoticed) {
  constexpr uint64_t kHeaderUsed = 48;  // of each copy's sector
  log_.Commit(3);
  log_.Settle(1);
  log_.Stop();
  Look();
  Read(0);
  const uint64_t frame_used =
      kFrameHeaderBytes + recorder_.body_bytes + 2 * kIndexEntryBytes + kOriginBytes;  // then zeros
  for (uint64_t byte = 0; byte < WrittenLog::FrameOffset(3); byte += 7) {
    const uint64_t in_frame = (byte - kSegmentHeaderBytes) % WrittenLog::kFrameBytes;
    const bool counts =
        byte < kSegmentHeaderBytes ? byte % kSectorBytes < kHeaderUsed : in_frame < frame_used;
    log_.Damage(SegmentName(0), byte);
    Look();
    Read(0);
    EXPECT_EQ(recorder_.damages.size(), counts ? 1u : 0u) << byte;
    log_.Damage(SegmentName(0), byte);
  }
}

}  // namespace
}  // namespace ei::wal
