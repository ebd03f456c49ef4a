#include "adapters/auth/recent_clients.h"

#include <gtest/gtest.h>

#include <string>

namespace ei::auth {
namespace {

const base::WallTime kNow{std::chrono::hours(400'000)};

base::Hash128 HashOf(uint64_t number) { return {.low = number, .high = 0}; }

RecentClients::Entry EntryOf(const std::string& name, base::WallTime valid_until = base::WallTime::max()) {
  return {std::make_shared<const Client>(Client{.name = name}), valid_until};
}

TEST(RecentClients, FindsWhatWasAdded) {
  RecentClients recent(100);
  recent.Add(HashOf(1), EntryOf("a"));
  ASSERT_NE(recent.Find(HashOf(1), kNow), nullptr);
  EXPECT_EQ(recent.Find(HashOf(1), kNow)->client->name, "a");
  EXPECT_EQ(recent.Find(HashOf(2), kNow), nullptr);
  EXPECT_EQ(recent.Find({.low = 1, .high = 1}, kNow), nullptr) << "both halves count";
}

TEST(RecentClients, AnEntryEndsAtItsTimeAlsoAfterAJumpOfTheClock) {
  RecentClients recent(100);
  recent.Add(HashOf(1), EntryOf("a", kNow + std::chrono::seconds(1)));
  EXPECT_NE(recent.Find(HashOf(1), kNow - std::chrono::hours(1)), nullptr);
  EXPECT_EQ(recent.Find(HashOf(1), kNow + std::chrono::hours(1)), nullptr);
  EXPECT_EQ(recent.Find(HashOf(1), kNow), nullptr) << "it was dropped";
  recent.Add(HashOf(1), EntryOf("a", kNow));
  EXPECT_EQ(recent.Find(HashOf(1), kNow), nullptr) << "it is valid before that time";
}

TEST(RecentClients, ItsNumberIsBoundedAndTheUsedOnesStay) {
  RecentClients recent(100);
  recent.Add(HashOf(0), EntryOf("used"));
  for (uint64_t number = 1; number <= 1'000; ++number) {
    recent.Add(HashOf(number), EntryOf("once"));
    ASSERT_LE(recent.Size(), 100U);
    ASSERT_NE(recent.Find(HashOf(0), kNow), nullptr) << number;
  }
  EXPECT_EQ(recent.Find(HashOf(1), kNow), nullptr);
  EXPECT_NE(recent.Find(HashOf(1'000), kNow), nullptr);
}

TEST(RecentClients, ClearForgetsAll) {
  RecentClients recent(4);
  for (uint64_t number = 0; number < 4; ++number) recent.Add(HashOf(number), EntryOf("a"));
  recent.Clear();
  EXPECT_EQ(recent.Size(), 0U);
  EXPECT_EQ(recent.Find(HashOf(3), kNow), nullptr);
}

}  // namespace
}  // namespace ei::auth
