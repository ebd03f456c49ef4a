#include "adapters/wal/log_tail.h"

#include <gtest/gtest.h>

#include <map>

#include "support/random.h"

namespace ei::wal {
namespace {

constexpr uint64_t kSegmentBytes = 16 << 10;

class LogTailTest : public testing::Test {
 protected:
  void AddPrepared() { tail_.AddPrepared({next_number_++, kSegmentBytes, nullptr}); }

  std::optional<SegmentHeader> Add(uint64_t body_bytes, uint32_t events = 1) {
    const std::vector<IndexEntry> index(events);
    auto begun = tail_.Add({nullptr, nullptr, body_bytes, events, {}}, index, position_, 5, ++salt_);
    position_ += events;
    return begun;
  }

  LogTail tail_{kSegmentBytes};
  uint64_t next_number_ = 0;
  uint64_t position_ = 0;
  uint64_t salt_ = 100;
};

TEST_F(LogTailTest, WithoutAPreparedSegmentThereIsNoRoom) {
  EXPECT_FALSE(tail_.HasRoom(1, 1));
  EXPECT_FALSE(tail_.Number());
  EXPECT_EQ(tail_.Front(), nullptr);
  EXPECT_TRUE(tail_.EverFits(1, 1));
  AddPrepared();
  EXPECT_TRUE(tail_.HasRoom(1, 1));
}

TEST_F(LogTailTest, FirstBatchBeginsASegment) {
  AddPrepared();
  position_ = 77;
  const auto begun = Add(10, 3);
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->number, 0U);
  EXPECT_EQ(begun->first_position, 77U);
  EXPECT_EQ(begun->salt, 101U);
  EXPECT_EQ(begun->segment_bytes, kSegmentBytes);
  EXPECT_EQ(tail_.Number(), 0U);
  EXPECT_EQ(tail_.Prepared(), 0U);
  const PendingFrame* const frame = tail_.Front();
  ASSERT_NE(frame, nullptr);
  EXPECT_TRUE(frame->begins);
  EXPECT_EQ(frame->offset, kSegmentHeaderBytes);
  EXPECT_EQ(frame->header.salt, 101U);
  EXPECT_EQ(frame->header.first_position, 77U);
}

TEST_F(LogTailTest, BatchesJoinOneFrameUntilItIsOnItsWay) {
  AddPrepared();
  for (int i = 0; i < 5; ++i) Add(100, 2);
  PendingFrame* const first = tail_.Front();
  EXPECT_EQ(first->header.events, 10U);
  EXPECT_EQ(first->header.body_bytes, 500U);
  EXPECT_EQ(first->pieces.size(), 5U);
  EXPECT_EQ(first->end.index.size(), 10U);
  Add(100, 2);
  EXPECT_EQ(first->header.events, 10U) << "closed";
  EXPECT_EQ(tail_.Front(), first) << "stays until Pop";
  EXPECT_EQ(tail_.Bytes(), LogTail::BytesOf(600, 12));
  tail_.Pop();
  const PendingFrame* const second = tail_.Front();
  EXPECT_EQ(second->header.first_position, 10U);
  EXPECT_FALSE(second->begins);
  EXPECT_EQ(second->offset, kSegmentHeaderBytes + FrameBytes(500, 10, kOriginBytes));
  tail_.Pop();
  EXPECT_TRUE(tail_.Empty());
  EXPECT_EQ(tail_.Bytes(), 0U);
}

TEST_F(LogTailTest, BatchThatDoesNotFitBeginsTheNextSegment) {
  AddPrepared();
  AddPrepared();
  ASSERT_TRUE(Add(kSegmentBytes / 2));
  const auto begun = Add(kSegmentBytes / 2);
  ASSERT_TRUE(begun);
  EXPECT_EQ(begun->number, 1U);
  EXPECT_EQ(begun->first_position, 1U);
  EXPECT_EQ(begun->salt, 102U) << "a new salt";
  EXPECT_EQ(tail_.Number(), 1U);
  EXPECT_FALSE(tail_.HasRoom(kSegmentBytes / 2, 1));
  EXPECT_TRUE(tail_.HasRoom(kSegmentBytes / 4, 1));
}

TEST_F(LogTailTest, LargestBatchFillsASegmentAndOneByteMoreNeverFits) {
  const uint64_t most =
      kSegmentBytes - kSegmentHeaderBytes - kFrameHeaderBytes - kIndexEntryBytes - kOriginBytes;
  EXPECT_TRUE(tail_.EverFits(most, 1));
  EXPECT_FALSE(tail_.EverFits(most + 1, 1));
  EXPECT_FALSE(tail_.EverFits(1, kFrameEventsMax + 1));
  AddPrepared();
  Add(most);
  const PendingFrame* const frame = tail_.Front();
  EXPECT_EQ(frame->offset + FrameBytes(frame->header), kSegmentBytes);
  EXPECT_FALSE(tail_.HasRoom(0, 1));
}

TEST_F(LogTailTest, FrameStopsGrowingAtItsLargestSize) {
  LogTail tail(64 << 20);
  tail.AddPrepared({0, 64 << 20, nullptr});
  const std::vector<IndexEntry> index(1);
  for (uint64_t i = 0; i < 9; ++i) {
    ASSERT_TRUE(tail.HasRoom(1 << 20, 1));
    tail.Add({nullptr, nullptr, 1 << 20, 1, {}}, index, i, 0, 1);
  }
  EXPECT_EQ(tail.Front()->header.events, 4U) << "4 MiB; the others are in later frames";
}

TEST_F(LogTailTest, FrameStopsGrowingAtItsLargestNumberOfEvents) {
  LogTail tail(256 << 20);
  tail.AddPrepared({0, 256 << 20, nullptr});
  const auto add = [&tail](uint32_t events) {
    const std::vector<IndexEntry> index(events);
    tail.Add({nullptr, nullptr, 1, events, {}}, index, 0, 0, 1);
  };
  EXPECT_TRUE(tail.EverFits(1, kFrameEventsMax));
  add(kFrameEventsMax - 2);
  EXPECT_LT(tail.GrowthBy(1, 2), FrameBytes(1, 2, kOriginBytes)) << "it joins";
  EXPECT_EQ(tail.GrowthBy(1, 3), FrameBytes(1, 3, kOriginBytes));
  add(2);
  add(1);
  EXPECT_EQ(tail.Front()->header.events, kFrameEventsMax);
}

// The growth of a segment in total is the used part of it; the unused rest counts when another one begins.
// GrowthBy may be slightly more, because the frame may already have an origin for the client.
TEST_F(LogTailTest, GrowthIsNeverMoreThanGrowthBy) {
  constexpr uint64_t kSegment = 32 << 10;
  for (const uint64_t body_bytes : {1, 100, 300, 500, 700}) {
    SCOPED_TRACE(body_bytes);
    LogTail tail(kSegment);
    for (uint64_t number = 1; number <= 3; ++number) tail.AddPrepared({number, kSegment, nullptr});
    const std::vector<IndexEntry> index(1);
    const auto taken = [&tail] { return (3 - tail.Prepared()) * kSegment - tail.RoomInSegment(); };
    for (uint64_t position = 0; tail.Prepared() > 0; ++position) {
      const uint64_t said = tail.GrowthBy(body_bytes, 1);
      const uint64_t before = taken();
      BatchSlice piece;
      piece.size = body_bytes;
      piece.events = 1;
      piece.identity = position % 2;
      tail.Add(piece, index, position, 0, 9);
      ASSERT_LE(taken() - before, said);
      ASSERT_LE(said, taken() - before + kSectorBytes);
      if (position % 3 == 0) tail.Front();  // closes the oldest
      if (position % 7 == 0) tail.Pop();
    }
  }
}

TEST_F(LogTailTest, ClearForgetsAllThatIsPending) {
  AddPrepared();
  Add(10);
  tail_.Clear();
  EXPECT_TRUE(tail_.Empty());
  EXPECT_EQ(tail_.Front(), nullptr);
  EXPECT_EQ(tail_.Oldest(), nullptr);
  EXPECT_EQ(tail_.Bytes(), 0U);
}

// Compared with a model that records every byte of every segment: Add has room whenever HasRoom says so,
// frames never overlap or leave their segment, and positions have no gap.
TEST_F(LogTailTest, BatchesWithRoomArePlacedWithoutOverlap) {
  support::Random random(support::SeedOr(3));
  for (int round = 0; round < 300; ++round) {
    const uint64_t segment_bytes = random.Between(4'000, 40'000);
    LogTail tail(segment_bytes);
    uint64_t numbers = 0;
    std::map<uint64_t, uint64_t> used;  // bytes of each begun segment
    uint64_t position = 0;
    uint64_t written = 0;
    uint64_t rejected = 0;
    const auto write_one = [&] {
      const PendingFrame* const frame = tail.Front();
      if (frame == nullptr) return;
      ASSERT_EQ(frame->header.first_position, written) << "in order";
      written += frame->header.events;
      uint64_t events = 0;
      uint64_t bytes = 0;
      for (const BatchSlice& piece : frame->pieces) {
        events += piece.events;
        bytes += piece.size;
      }
      ASSERT_EQ(frame->header.events, events);
      ASSERT_EQ(frame->header.body_bytes, bytes);
      ASSERT_EQ(frame->end.index.size(), events);
      const auto [segment, fresh] = used.emplace(frame->header.segment, kSegmentHeaderBytes);
      ASSERT_EQ(fresh, frame->begins.has_value());
      ASSERT_EQ(frame->offset, segment->second) << "right behind the one before";
      ASSERT_EQ(segment, std::prev(used.end()));
      segment->second += FrameBytes(frame->header);
      ASSERT_LE(segment->second, segment_bytes);
      tail.Pop();
    };
    for (int step = 0; step < 400; ++step) {
      const uint64_t choice = random.Below(10);
      if (choice < 2) {
        if (tail.Prepared() < 2) tail.AddPrepared({numbers++, segment_bytes, nullptr});
      } else if (choice < 4) {
        write_one();
      } else {
        const uint64_t bytes = random.OneIn(10) ? random.Below(segment_bytes + 100) : random.Below(700);
        const auto events = static_cast<uint32_t>(random.Between(1, random.OneIn(10) ? 200 : 4));
        if (!tail.EverFits(bytes, events)) continue;
        if (!tail.HasRoom(bytes, events)) {
          ++rejected;
          ASSERT_EQ(tail.Prepared(), 0U) << "an unused segment has room for everything that can fit";
          continue;
        }
        const std::vector<IndexEntry> index(events);
        const auto begun = tail.Add({nullptr, nullptr, bytes, events, {}}, index, position, 0, 9);
        if (begun) {
          ASSERT_EQ(begun->first_position, position);
        }
        position += events;
      }
    }
    while (!tail.Empty()) write_one();
    ASSERT_EQ(written, position);
    ASSERT_EQ(tail.Bytes(), 0U);
    ASSERT_GT(rejected + position, 0U);
  }
}

}  // namespace
}  // namespace ei::wal
