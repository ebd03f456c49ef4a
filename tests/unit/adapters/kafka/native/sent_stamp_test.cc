#include "adapters/kafka/native/sent_stamp.h"

#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ei::kafka::native {
namespace {

std::string StampOf(int32_t sequence, int16_t epoch = 0, int64_t id = 7, int32_t partition = 0) {
  return EncodeSentStamp({"t", partition, {1, 2}, {id, epoch, sequence}});
}

// `count` events from position `first` on.
SentBatch Batch(std::string stamp, uint64_t first, size_t count = 1, bool broken = false) {
  SentBatch batch{std::move(stamp), std::vector<uint64_t>(count), broken};
  std::iota(batch.positions.begin(), batch.positions.end(), first);
  return batch;
}

// Their first positions.
std::vector<uint64_t> Resumed(const std::vector<SentBatch>& sent) {
  std::vector<uint64_t> first;
  for (const Resumable& each : ResumableOf(sent)) first.push_back(each.positions.front());
  return first;
}

using Positions = std::vector<uint64_t>;

TEST(SentStamp, IsReadAsItWasWritten) {
  const std::string text =
      EncodeSentStamp({"orders", 12, {3, 4}, {1'000'000'000'000, 32'000, 2'000'000'000}});
  const auto stamp = DecodeSentStamp(text);
  ASSERT_TRUE(stamp);
  EXPECT_EQ(stamp->topic, "orders");
  EXPECT_EQ(stamp->partition, 12);
  EXPECT_EQ(stamp->topic_id, (wire::TopicId{3, 4}));
  EXPECT_EQ(stamp->producer.producer_id, 1'000'000'000'000);
  EXPECT_EQ(stamp->producer.epoch, 32'000);
  EXPECT_EQ(stamp->producer.base_sequence, 2'000'000'000);
}

TEST(SentStamp, OfOtherBytesIsNone) {
  const std::string text = StampOf(3);
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(DecodeSentStamp(text.substr(0, size))) << size;
  EXPECT_FALSE(DecodeSentStamp(text + 'x'));
  std::string other_version = text;
  other_version[0] = 2;
  EXPECT_FALSE(DecodeSentStamp(other_version));
  EXPECT_FALSE(DecodeSentStamp(EncodeSentStamp({"", 0, {}, {7, 0, 0}})));
  EXPECT_FALSE(DecodeSentStamp(EncodeSentStamp({"t", -1, {}, {7, 0, 0}})));
  EXPECT_FALSE(DecodeSentStamp(EncodeSentStamp({"t", 0, {}, {-1, 0, 0}})));
  EXPECT_FALSE(DecodeSentStamp(EncodeSentStamp({"t", 0, {}, {7, -1, 0}})));
  EXPECT_FALSE(DecodeSentStamp(EncodeSentStamp({"t", 0, {}, {7, 0, -1}})));
}

TEST(ResumableOf, ComesInTheOrderOfNumbers) {
  EXPECT_EQ(Resumed({Batch(StampOf(4), 40), Batch(StampOf(0), 10, 2), Batch(StampOf(2), 20, 2)}),
            (Positions{10, 20, 40}));
  EXPECT_EQ(Resumed({}), Positions{});
}

TEST(ResumableOf, NumbersWrap) {
  EXPECT_EQ(Resumed({Batch(StampOf(1), 40), Batch(StampOf(0x7fffffff), 10, 2)}), (Positions{10, 40}));
}

// The batches between were delivered.
TEST(ResumableOf, GapsAreNoEnd) {
  EXPECT_EQ(Resumed({Batch(StampOf(0), 10), Batch(StampOf(5), 50)}), (Positions{10, 50}));
}

TEST(ResumableOf, IsOfTheNewestEpochOnly) {
  EXPECT_EQ(Resumed({Batch(StampOf(0, 0), 10), Batch(StampOf(1, 0), 20), Batch(StampOf(0, 1), 30)}),
            Positions{30});
  EXPECT_EQ(Resumed({Batch(StampOf(0, 5, 7), 10), Batch(StampOf(0, 0, 8), 20)}), Positions{20});
}

// Neither it nor any batch after it was accepted as sent.
TEST(ResumableOf, EndsBeforeABrokenBatch) {
  EXPECT_EQ(Resumed({Batch(StampOf(0), 10), Batch(StampOf(1), 20, 2, true), Batch(StampOf(3), 30)}),
            Positions{10});
}

TEST(ResumableOf, PartitionsAreApart) {
  EXPECT_EQ(Resumed({Batch(StampOf(0, 0, 7, 1), 10, 1, true), Batch(StampOf(0, 3, 9, 0), 20),
                     Batch(StampOf(1, 0, 7, 1), 30)}),
            Positions{20});
}

TEST(ResumableOf, InvalidStampsAreLeftOut) {
  EXPECT_EQ(Resumed({Batch("", 10), Batch("nonsense", 20), Batch(StampOf(0), 30)}), Positions{30});
  EXPECT_EQ(Resumed({Batch(StampOf(0), 10, 3), Batch(StampOf(2), 20)}), Positions{10}) << "they overlap";
}

class NotedBatches final : public SentLog {
 public:
  explicit NotedBatches(std::vector<SentBatch> sent) : sent_(std::move(sent)) {}

  std::vector<SentBatch> TakeUnsettled() override { return std::exchange(sent_, {}); }
  void NoteSent(std::span<const uint64_t> positions, std::string_view stamp) override {
    for (const uint64_t position : positions) stamps[position] = stamp;
  }
  void NoteSettled(std::span<const uint64_t>) override {}
  void Flush() override {}

  std::map<uint64_t, std::string> stamps;

 private:
  std::vector<SentBatch> sent_;
};

TEST(TakeResumption, LeavesNothingElseToALaterRun) {
  NotedBatches log({Batch(StampOf(0), 10), Batch(StampOf(1), 20, 2, true), Batch(StampOf(3), 30)});
  const Resumption taken = TakeResumption(log);
  ASSERT_EQ(taken.batches.size(), 1U);
  EXPECT_EQ(taken.batches[0].positions.front(), 10U);
  EXPECT_EQ(taken.others, 3U);
  EXPECT_EQ(log.stamps, (std::map<uint64_t, std::string>{{10, StampOf(0)}, {20, ""}, {21, ""}, {30, ""}}));
}

}  // namespace
}  // namespace ei::kafka::native
