#include "adapters/wal/sent_notes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "adapters/wal/log_limits.h"
#include "adapters/wal/read_write.h"
#include "support/random.h"
#include "support/sim_disk.h"

namespace ei::wal {
namespace {

using Lines = std::vector<std::string>;

class Reader final : public SentNotesVisitor {
 public:
  void OnSent(std::span<const uint64_t> positions, std::string_view stamp) override {
    std::string line = "sent " + std::string(stamp);
    for (const uint64_t position : positions) line += " " + std::to_string(position);
    lines.push_back(line);
  }
  void OnSettledBatch(uint64_t first) override { lines.push_back("batch " + std::to_string(first)); }
  void OnSettled(uint64_t begin, uint64_t end) override {
    lines.push_back("settled " + std::to_string(begin) + " " + std::to_string(end));
  }

  Lines lines;
};

Lines Read(std::string_view notes) {
  Reader reader;
  ReadSentNotes(notes, reader);
  return reader.lines;
}

Lines ReadFileOf(const std::string& bytes) {
  support::SimDisk disk(1);
  disk.PutFile("notes", bytes);
  const auto folder = disk.Mount();
  const auto file = folder->Open("notes");
  Reader reader;
  EXPECT_TRUE(ReadSentFrames(**file, reader));
  return reader.lines;
}

std::string Sent(std::span<const uint64_t> positions, std::string_view stamp) {
  std::string notes;
  AppendSent(notes, positions, stamp);
  return notes;
}

TEST(SentNotes, AreReadAsTheyWereWritten) {
  std::string notes;
  AppendSent(notes, std::vector<uint64_t>{5, 6, 300, kPositionsMax - 1}, "stamp");
  AppendSent(notes, std::vector<uint64_t>{0}, "");
  AppendSettledBatch(notes, 5);
  AppendSettled(notes, std::vector<PositionRun>{{0, 1}, {7, 300}, {1'000'000, kPositionsMax}});
  EXPECT_EQ(Read(notes), (Lines{"sent stamp 5 6 300 4611686018427387903", "sent  0", "batch 5", "settled 0 1",
                                "settled 7 300", "settled 1000000 4611686018427387904"}));
}

TEST(SentNotes, AnythingIsReadAsItWasWritten) {
  const uint64_t seed = support::SeedOr(1);
  SCOPED_TRACE(testing::Message() << "EI_SEED=" << seed);
  support::Random random(seed);
  for (int round = 0; round < 2'000; ++round) {
    std::string notes;
    Reader expected;
    for (uint64_t left = random.Between(1, 6); left > 0; --left) {
      uint64_t position = random.Below(uint64_t{1} << random.Below(60));
      std::vector<uint64_t> positions;
      std::vector<PositionRun> runs;
      for (uint64_t count = random.Between(1, 20); count > 0; --count) {
        positions.push_back(position);
        runs.emplace_back(position, position + random.Between(1, 200));
        position = runs.back().second + random.Below(200);
      }
      const std::string stamp(random.Below(30), 's');
      switch (random.Below(3)) {
        case 0:
          AppendSent(notes, positions, stamp);
          expected.OnSent(positions, stamp);
          break;
        case 1:
          AppendSettledBatch(notes, positions[0]);
          expected.OnSettledBatch(positions[0]);
          break;
        default:
          AppendSettled(notes, runs);
          for (const auto& [begin, end] : runs) expected.OnSettled(begin, end);
      }
    }
    ASSERT_EQ(Read(notes), expected.lines);
    const Lines cut = Read(std::string_view(notes).substr(0, random.Below(notes.size())));
    ASSERT_LE(cut.size(), expected.lines.size());
    ASSERT_TRUE(std::ranges::equal(cut, std::span(expected.lines).first(cut.size())));
  }
}

TEST(SentNotes, NumbersThatNoLogHasEndTheReading) {
  const std::string good = Sent(std::vector<uint64_t>{1}, "a");
  const std::string longest(9, '\xff');
  const std::string too_high = "\xff\xff\xff\xff\xff\xff\xff\xff\x7f";  // of 63 bits
  for (const std::string& bad : {
           std::string("\x00", 1),                          // no kind of note
           std::string("\x04\x01"),                         // neither
           std::string("\x01\x05stam"),                     // a stamp that is cut
           "\x01" + longest,                                // a number without an end
           std::string("\x01\x00\x00", 3),                  // a batch of nothing
           std::string("\x01\x00\x03\x01\x01", 5),          // fewer positions than it says
           std::string("\x01\x00\x01", 3) + too_high,       // no position is so high
           "\x02" + too_high,                               //
           "\x03\x01" + too_high + std::string("\x00", 1),  //
           std::string("\x03\x01\x01") + too_high,          //
           std::string("\x03\x01\x01"),                     // a run without an end
       }) {
    EXPECT_EQ(Read(good + bad), Lines{"sent a 1"}) << testing::PrintToString(bad);
  }
}

TEST(SentNotes, StampsAndBatchesHaveALargestSize) {
  EXPECT_EQ(Read(Sent(std::vector<uint64_t>{1}, std::string(kSentStampBytesMax, 's'))).size(), 1U);
  EXPECT_TRUE(Read(Sent(std::vector<uint64_t>{1}, std::string(kSentStampBytesMax + 1, 's'))).empty());
  std::vector<uint64_t> positions(kSentEventsMax);
  for (uint64_t i = 0; i < positions.size(); ++i) positions[i] = i;
  EXPECT_EQ(Read(Sent(positions, "s")).size(), 1U);
  positions.push_back(positions.size());
  EXPECT_TRUE(Read(Sent(positions, "s")).empty());
}

TEST(SentNotes, HeaderNamesTheLane) {
  const std::string bytes = EncodeSentHeader({.lane = 3, .lanes = 8});
  ASSERT_EQ(bytes.size(), kSentHeaderBytes);
  EXPECT_EQ(DecodeSentHeader(bytes), (SentHeader{3, 8}));
  EXPECT_FALSE(DecodeSentHeader(std::string_view(bytes).substr(1)));
  EXPECT_FALSE(DecodeSentHeader(std::string_view(bytes).substr(0, kSentHeaderBytes - 1)));
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string changed = bytes;
    changed[at] ^= 1;
    EXPECT_FALSE(DecodeSentHeader(changed)) << at;
  }
}

TEST(SentNotes, TornFrameAndEverythingBehindItAreIgnored) {
  std::string bytes = EncodeSentHeader({});
  AppendSentFrame(bytes, Sent(std::vector<uint64_t>{1}, "a"));
  const size_t second = bytes.size();
  AppendSentFrame(bytes, Sent(std::vector<uint64_t>{2}, "b"));
  const size_t third = bytes.size();
  AppendSentFrame(bytes, Sent(std::vector<uint64_t>{3}, "c"));
  EXPECT_EQ(ReadFileOf(bytes), (Lines{"sent a 1", "sent b 2", "sent c 3"}));
  EXPECT_EQ(ReadFileOf(bytes + std::string(4096, '\0')).size(), 3U) << "the file may be longer";
  for (size_t size = third; size < bytes.size(); ++size) {
    EXPECT_EQ(ReadFileOf(bytes.substr(0, size)), (Lines{"sent a 1", "sent b 2"})) << size;
  }
  for (size_t at = second; at < third; ++at) {
    std::string changed = bytes;
    changed[at] ^= 1;
    EXPECT_EQ(ReadFileOf(changed), Lines{"sent a 1"}) << at;
  }
}

TEST(SentNotes, FrameOfMoreThanFitsIsNone) {
  std::string bytes = EncodeSentHeader({});
  AppendSentFrame(bytes, Sent(std::vector<uint64_t>{1}, "a") + std::string(kSentFrameBytesMax, '\0'));
  EXPECT_TRUE(ReadFileOf(bytes).empty());
}

}  // namespace
}  // namespace ei::wal
