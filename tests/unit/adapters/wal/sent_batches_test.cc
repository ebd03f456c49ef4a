#include "adapters/wal/sent_batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "support/random.h"

namespace ei::wal {
namespace {

using Positions = std::vector<uint64_t>;

std::vector<std::string> StampsOf(const SentBatches& batches) {
  std::vector<std::string> stamps;
  batches.ForEach([&](const SentBatches::Batch& batch) { stamps.push_back(batch.stamp); });
  return stamps;
}

TEST(SentBatches, BatchIsFoundByEachOfItsPositionsUntilItIsRemoved) {
  SentBatches batches;
  EXPECT_EQ(batches.At(7), nullptr);
  batches.Add(Positions{7, 9}, "a");
  ASSERT_NE(batches.At(9), nullptr);
  EXPECT_EQ(batches.At(9), batches.At(7));
  EXPECT_EQ(batches.At(7)->stamp, "a");
  EXPECT_EQ(batches.At(8), nullptr);
  batches.Remove(*batches.At(9));
  EXPECT_EQ(batches.At(7), nullptr);
  EXPECT_EQ(batches.Positions(), 0U);
  EXPECT_EQ(batches.StampsBytes(), 0U);
}

TEST(SentBatches, BatchThatSharesAPositionWithALaterOneIsNoneAnyMore) {
  SentBatches batches;
  batches.Add(Positions{1, 2, 3}, "a");
  batches.Add(Positions{4, 5}, "b");
  batches.Add(Positions{3, 4}, "c");
  EXPECT_EQ(StampsOf(batches), std::vector<std::string>{"c"});
  EXPECT_EQ(batches.At(1), nullptr);
  EXPECT_EQ(batches.At(5), nullptr);
  EXPECT_EQ(batches.Positions(), 2U);
}

TEST(SentBatches, OneThatIsNotedAgainComesLast) {
  SentBatches batches;
  batches.Add(Positions{1}, "a");
  batches.Add(Positions{2}, "b");
  batches.Add(Positions{1}, "again");
  EXPECT_EQ(StampsOf(batches), (std::vector<std::string>{"b", "again"}));
}

// Compared with a list that is searched for each batch from the front.
TEST(SentBatches, AgreesWithAPlainList) {
  const uint64_t seed = support::SeedOr(1);
  SCOPED_TRACE(testing::Message() << "EI_SEED=" << seed);
  for (uint64_t round = 0; round < 60; ++round) {
    support::Random random(seed + round);
    SentBatches batches;
    std::vector<std::pair<Positions, std::string>> list;
    const uint64_t stride = random.OneIn(2) ? 1 : random.Between(2, 4'000);
    uint64_t top = 0;
    for (int step = 0; step < 1'500; ++step) {
      const auto with = [&](uint64_t position) {
        return std::ranges::find_if(
            list, [&](const auto& each) { return std::ranges::count(each.first, position) > 0; });
      };
      if (random.OneIn(2)) {
        std::set<uint64_t> chosen;
        const bool again = random.OneIn(5);
        for (uint64_t count = random.Between(1, 30); count > 0; --count) {
          chosen.insert(again ? random.Below(top + 1) * stride : ++top * stride);
        }
        const Positions positions(chosen.begin(), chosen.end());
        const std::string stamp = std::to_string(step);
        for (const uint64_t position : positions) {
          if (const auto before = with(position); before != list.end()) list.erase(before);
        }
        list.emplace_back(positions, stamp);
        SentBatches::Batch& added = batches.Add(positions, stamp);
        ASSERT_EQ(added.positions, positions);
      } else if (!list.empty()) {
        const size_t at = random.OneIn(3) ? random.Below(list.size()) : 0;
        const Positions positions = list[at].first;
        SentBatches::Batch* const batch = batches.At(positions[random.Below(positions.size())]);
        ASSERT_NE(batch, nullptr);
        ASSERT_EQ(batch->stamp, list[at].second);
        batches.Remove(*batch);
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(at));
      }
      const uint64_t position = random.Below(top + 2) * stride;
      const SentBatches::Batch* const batch = batches.At(position);
      const auto expected = with(position);
      ASSERT_EQ(batch != nullptr, expected != list.end()) << position;
      if (batch != nullptr) {
        ASSERT_EQ(batch->positions, expected->first);
      }
    }
    std::vector<std::pair<Positions, std::string>> all;
    uint64_t positions = 0;
    uint64_t stamps_bytes = 0;
    batches.ForEach([&](const SentBatches::Batch& batch) {
      all.emplace_back(batch.positions, batch.stamp);
      positions += batch.positions.size();
      stamps_bytes += batch.stamp.size();
    });
    ASSERT_EQ(all, list);
    ASSERT_EQ(batches.Positions(), positions);
    ASSERT_EQ(batches.StampsBytes(), stamps_bytes);
  }
}

}  // namespace
}  // namespace ei::wal
