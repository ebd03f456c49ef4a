#include "adapters/wal/segment_scanner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "support/random.h"
#include "support/sim_disk.h"
#include "unit/adapters/wal/segment_bytes.h"

namespace ei::wal {
namespace {

using support::DiskCall;
using support::DiskFault;

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
constexpr const char* kName = "segment";

class SegmentScannerTest : public testing::Test {
 protected:
  SegmentScanner Scan(const std::string& bytes) {
    disk_.PutFile(kName, bytes);
    file_ = std::move(*disk_.Mount()->Open(kName));
    return {*file_, segment_.Header()};
  }

  // The frames up to the end, each as "<first position>: <bodies>".
  std::vector<std::string> Frames(SegmentScanner& scanner, uint64_t limit = kNoLimit) {
    std::vector<std::string> frames;
    for (;;) {
      const auto found = scanner.Next(limit);
      EXPECT_TRUE(found);
      if (!found || !*found) return frames;
      frames.push_back(std::to_string(scanner.Frame().first_position) + ": " + std::string(scanner.Bodies()));
    }
  }
  std::vector<std::string> Frames(const std::string& bytes) {
    SegmentScanner scanner = Scan(bytes);
    return Frames(scanner);
  }

  static void Spoil(std::string& bytes, size_t at) { bytes[at] = static_cast<char>(bytes[at] ^ 1); }

  SegmentBytes segment_{{.number = 7, .first_position = 100, .salt = 0x5a17, .segment_bytes = 64 << 10}};
  support::SimDisk disk_{1};
  std::unique_ptr<File> file_;
};

using Strings = std::vector<std::string>;

TEST_F(SegmentScannerTest, EmptySegmentHasNone) {
  SegmentScanner scanner = Scan(segment_.Whole());
  EXPECT_EQ(Frames(scanner), Strings{});
  EXPECT_EQ(scanner.Expected(), 100U);
}

TEST_F(SegmentScannerTest, FramesComeInOrderWithTheirPlace) {
  const size_t first = segment_.Add(100, {"aa", "b"});
  const size_t second = segment_.Add(102, {std::string(3'000, 'c')});
  SegmentScanner scanner = Scan(segment_.Whole());
  ASSERT_TRUE(*scanner.Next(kNoLimit));
  EXPECT_EQ(scanner.FrameOffset(), first);
  EXPECT_EQ(scanner.Offset(), second);
  EXPECT_EQ(scanner.Expected(), 102U);
  EXPECT_EQ(scanner.Bodies(), "aab");
  ASSERT_EQ(scanner.Index().size(), 2U);
  EXPECT_EQ(scanner.Index()[0].size, 2U);
  ASSERT_TRUE(*scanner.Next(kNoLimit));
  EXPECT_EQ(scanner.FrameOffset(), second);
  EXPECT_EQ(scanner.Bodies().size(), 3'000U);
  EXPECT_FALSE(*scanner.Next(kNoLimit));
  EXPECT_EQ(scanner.Expected(), 103U);
}

// Damage of any kind and place affects only the damaged frame; the scanner finds the next one.
TEST_F(SegmentScannerTest, DamagedFrameIsAGapBeforeTheNext) {
  const size_t damaged = segment_.Add(100, {"one", "two"});
  const size_t behind = segment_.Add(102, {"three"});
  segment_.Add(103, {"four"});
  const std::string whole = segment_.Whole();
  const size_t in_index = damaged + kFrameHeaderBytes + 6 + 5;
  for (const size_t at : {damaged, damaged + 5, damaged + 40, in_index}) {
    std::string bytes = whole;
    Spoil(bytes, at);
    SegmentScanner scanner = Scan(bytes);
    ASSERT_TRUE(*scanner.Next(kNoLimit));
    EXPECT_EQ(scanner.Frame().first_position, 102U) << at;
    EXPECT_EQ(scanner.FrameOffset(), behind);
    EXPECT_EQ(Frames(scanner), Strings{"103: four"});
  }
  std::string bytes = whole;
  Spoil(bytes, damaged + kFrameHeaderBytes);
  EXPECT_EQ(Frames(bytes), (Strings{"100: nnetwo", "102: three", "103: four"}))
      << "the reader checks bodies one by one";
}

// While the segment still grows: later frames are written behind the damage.
TEST_F(SegmentScannerTest, FramesWrittenAfterTheSearchFailedAreFound) {
  segment_.Add(100, {"one"});
  const size_t damaged = segment_.Add(101, {"two"});
  std::string bytes = segment_.Whole();
  Spoil(bytes, damaged);
  SegmentScanner scanner = Scan(bytes);
  EXPECT_EQ(Frames(scanner, 102), Strings{"100: one"});
  EXPECT_EQ(Frames(scanner, 102), Strings{}) << "and again";

  const std::string frame = segment_.Frame(102, {"three"}, 7, 0x5a17);
  ASSERT_TRUE(file_->Write(segment_.Bytes().size(), frame));
  scanner.DropBuffer();
  EXPECT_EQ(Frames(scanner, 103), Strings{"102: three"});
}

TEST_F(SegmentScannerTest, FramesFromTheLimitOnAreLeftForLater) {
  segment_.Add(100, {"one"});
  segment_.Add(101, {"two"});
  segment_.Add(102, {"three"});
  SegmentScanner scanner = Scan(segment_.Whole());
  EXPECT_EQ(Frames(scanner, 100), Strings{});
  EXPECT_EQ(Frames(scanner, 102), (Strings{"100: one", "101: two"}));
  EXPECT_EQ(Frames(scanner, 102), Strings{});
  EXPECT_EQ(Frames(scanner, kNoLimit), Strings{"102: three"}) << "nothing was skipped";
}

TEST_F(SegmentScannerTest, GrowingFileIsReadAgain) {
  segment_.Add(100, {"one"});
  SegmentScanner scanner = Scan(segment_.Whole());
  EXPECT_EQ(Frames(scanner, 101), Strings{"100: one"});
  for (uint64_t position = 101; position < 160; ++position) {
    const size_t offset = segment_.Add(position, {std::to_string(position)});
    ASSERT_TRUE(file_->Write(offset, std::string_view(segment_.Bytes()).substr(offset)));
    scanner.DropBuffer();
    EXPECT_EQ(Frames(scanner, position + 1).size(), 1U);
  }
}

// Frames that a recycled file still has of its previous use, or that a client has put into an event.
TEST_F(SegmentScannerTest, FramesOfAnotherSaltOrSegmentAreNone) {
  segment_.Add(100, {"one"});
  const std::string earlier_life = segment_.Frame(101, {"old"}, 6, 0x5a17);
  const std::string other_salt = segment_.Frame(101, {"forged"}, 7, 0x5a18);
  const std::string back = segment_.Frame(99, {"behind us"}, 7, 0x5a17);
  segment_.AddRaw(earlier_life);
  segment_.AddRaw(other_salt);
  segment_.AddRaw(back);
  segment_.Add(101, {"two"});
  EXPECT_EQ(Frames(segment_.Whole()), (Strings{"100: one", "101: two"}));
}

// A client sends a frame at a sector boundary inside its event. If the event's own frame were damaged, the
// search would find it.
TEST_F(SegmentScannerTest, FrameWithinAnEventsBytesIsIgnored) {
  std::string payload(kSectorBytes - kFrameHeaderBytes, '.');
  payload += segment_.Frame(100, {"forged"}, 7, 0x5a18);
  const size_t offset = segment_.Add(100, {payload});
  segment_.Add(101, {"true"});
  std::string bytes = segment_.Whole();
  ASSERT_EQ(bytes.substr(offset + kSectorBytes, 4), "FRAM");
  Spoil(bytes, offset);
  EXPECT_EQ(Frames(bytes), Strings{"101: true"});
}

TEST_F(SegmentScannerTest, ShorterFileEndsEarlyAtEveryLength) {
  const size_t first = segment_.Add(100, {"one"});
  const size_t second = segment_.Add(101, {std::string(900, 'x')});
  const std::string bytes = segment_.Bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto frames = Frames(bytes.substr(0, size));
    // A frame's padding need not be there.
    const size_t whole = (size >= first + kFrameHeaderBytes + 3 + kIndexEntryBytes ? 1 : 0) +
                         (size >= second + kFrameHeaderBytes + 900 + kIndexEntryBytes ? 1 : 0);
    EXPECT_EQ(frames.size(), whole) << size;
  }
}

// Sizes in a frame's header are limited by the segment, even if they are larger.
TEST_F(SegmentScannerTest, FrameThatWouldReachBeyondTheSegmentIsNone) {
  FrameHeader frame{.segment = 7, .salt = 0x5a17, .first_position = 100, .body_bytes = 0, .events = 1};
  for (const uint64_t body_bytes : {uint64_t{64 << 10}, uint64_t{1} << 40, kNoLimit, kNoLimit - 64}) {
    std::string header;
    frame.body_bytes = body_bytes;
    AppendFrameHeader(header, frame, {});
    SegmentBytes segment(segment_.Header());
    segment.AddRaw(header);
    segment.AddRaw(std::string(kSectorBytes - header.size(), '\0'));
    segment.Add(100, {"one"});
    EXPECT_EQ(Frames(segment.Whole()), Strings{"100: one"}) << body_bytes;
  }
}

TEST_F(SegmentScannerTest, FrameFillsTheSegmentToItsLastByte) {
  const uint64_t room = segment_.Header().segment_bytes - kSegmentHeaderBytes;
  segment_.Add(100, {std::string(room - kFrameHeaderBytes - kIndexEntryBytes, 'x')});
  ASSERT_EQ(segment_.Bytes().size(), segment_.Header().segment_bytes);
  EXPECT_EQ(Frames(segment_.Bytes()).size(), 1U);
}

TEST_F(SegmentScannerTest, ReadErrorStopsAndTheNextTryContinues) {
  segment_.Add(100, {"one"});
  segment_.Add(101, {"two"});
  SegmentScanner scanner = Scan(segment_.Whole());
  disk_.FailOneIn(DiskCall::kRead, 1, DiskFault::kEio);
  EXPECT_FALSE(scanner.Next(kNoLimit));
  disk_.FailNoMore();
  EXPECT_EQ(Frames(scanner), (Strings{"100: one", "101: two"}));
}

TEST_F(SegmentScannerTest, BadSectorIsNotInTheWayOfFramesBeforeIt) {
  segment_.Add(100, {"one"});
  segment_.Add(101, {"two"});
  SegmentScanner scanner = Scan(segment_.Whole());
  disk_.MakeUnreadable(kName, kSegmentHeaderBytes + kSectorBytes, 1);
  EXPECT_TRUE(scanner.Next(kNoLimit).value());
  EXPECT_EQ(scanner.Expected(), 101U);
  EXPECT_FALSE(scanner.Next(kNoLimit));
}

// The first large read fails, then some of its sectors.
TEST_F(SegmentScannerTest, SectorsThatCannotBeReadCountAsDamaged) {
  for (uint64_t position = 100; position < 110; ++position)
    segment_.Add(position, {std::to_string(position)});
  SegmentScanner scanner = Scan(segment_.Whole());
  scanner.ReadPastFaults();
  disk_.FailNth(DiskCall::kRead, 1, DiskFault::kEio);
  disk_.FailNth(DiskCall::kRead, 2 + 3, DiskFault::kEio);  // of the segment's fourth sector behind its header
  const auto frames = Frames(scanner);
  ASSERT_EQ(frames.size(), 9U);
  EXPECT_EQ(frames[2], "102: 102");
  EXPECT_EQ(frames[3], "104: 104");
}

// After any damage: returned frames are in order and were written, and the scan ends.
TEST_F(SegmentScannerTest, RandomDamageInventsNothing) {
  support::Random random(support::SeedOr(8));
  for (int round = 0; round < 500; ++round) {
    SegmentBytes segment(segment_.Header());
    std::vector<std::string> written;
    uint64_t position = 100;
    for (int frame = 0; frame < 20; ++frame) {
      Strings values;
      std::string bodies;
      for (uint64_t i = random.Between(1, 4); i > 0; --i) {
        values.emplace_back(random.Below(1'500), static_cast<char>('a' + random.Below(26)));
        bodies += values.back();
      }
      written.push_back(std::to_string(position) + ": " + bodies);
      segment.Add(position, values);
      position += values.size();
    }
    std::string bytes = segment.Whole();
    for (uint64_t hits = random.Below(6); hits > 0; --hits) {
      const size_t at = random.Between(kSegmentHeaderBytes, bytes.size() - 1);
      if (random.OneIn(3)) {
        bytes.replace(at, std::min<size_t>(random.Below(3'000), bytes.size() - at), 1, '\0');
      } else {
        Spoil(bytes, at);
      }
    }
    uint64_t last = 0;
    for (const std::string& frame : Frames(bytes)) {
      const uint64_t first = std::stoull(frame);
      EXPECT_GT(first, last);
      last = first;
      const auto original =
          std::ranges::find_if(written, [&](const std::string& w) { return std::stoull(w) == first; });
      ASSERT_NE(original, written.end());
      EXPECT_EQ(original->size(), frame.size());
    }
  }
}

}  // namespace
}  // namespace ei::wal
