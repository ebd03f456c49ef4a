#include "app/kept_events.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ei::app {
namespace {

const base::SteadyTime kStart(std::chrono::hours(1));
constexpr domain::ClientNumber kClient = 1;  // one that is always there

// Owns the bytes of one event, laid out as in a journal.
struct Source {
  Source(uint64_t position, std::string value, std::optional<std::string> key)
      : bytes(value + key.value_or("") + "topic" + "trace") {
    event.position = position;
    event.value = std::string_view(bytes).substr(0, value.size());
    event.has_key = key.has_value();
    if (key) event.key = std::string_view(bytes).substr(value.size(), key->size());
    event.topic = std::string_view(bytes).substr(bytes.size() - 10, 5);
    event.traceparent = std::string_view(bytes).substr(bytes.size() - 5);
    event.client = kClient;
    event.accepted_at = kStart + std::chrono::seconds(position);
  }
  Source(const Source&) = delete;

  std::string bytes;
  JournalEvent event;
};

TEST(KeptEvents, ViewsGoOnWhenTheOldBytesAreGone) {
  KeptEvents kept;
  std::vector<JournalEvent> events;
  {
    Source keyed(5, "value 5", "key 5");
    Source keyless(6, "value 6", std::nullopt);
    Source empty_key(7, "value 7", "");
    Source inner(8, R"({"id":"abc"})", std::nullopt);
    inner.event.has_key = true;
    inner.event.key = inner.event.value.substr(7, 3);
    events = {keyed.event, keyless.event, empty_key.event, inner.event};
    kept.Keep(events);
    for (Source* source : {&keyed, &keyless, &empty_key, &inner})
      source->bytes.assign(source->bytes.size(), '#');
  }
  EXPECT_EQ(events[0].value, "value 5");
  EXPECT_EQ(events[0].key, "key 5");
  EXPECT_EQ(events[1].value, "value 6");
  EXPECT_FALSE(events[1].has_key);
  EXPECT_TRUE(events[2].has_key);
  EXPECT_EQ(events[2].key, "");
  EXPECT_EQ(events[3].value, R"({"id":"abc"})");
  EXPECT_EQ(events[3].key, "abc");
  for (const JournalEvent& event : events) {
    EXPECT_EQ(event.topic, "topic");
    EXPECT_EQ(event.traceparent, "trace");
  }
}

TEST(KeptEvents, MemoryIsFreeOnceAllThatWereKeptTogetherAreGone) {
  KeptEvents kept;
  Source a(5, "aaaa", "k");
  Source b(2, "bb", std::nullopt);
  Source c(9, "c", std::nullopt);
  std::vector<JournalEvent> together = {a.event, b.event};
  std::vector<JournalEvent> alone = {c.event};
  kept.Keep(together);
  kept.Keep(alone);
  const uint64_t place = KeptEvents::BytesOf(c.event) - 11;
  EXPECT_EQ(kept.Bytes(), 15 + 12 + 11 + 3 * place);
  EXPECT_EQ(kept.Oldest(), kStart + std::chrono::seconds(2));
  EXPECT_FALSE(kept.Drop(3));
  const auto first = kept.Drop(5);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->client, kClient);
  EXPECT_EQ(first->freed_bytes, 0U);
  EXPECT_FALSE(kept.Drop(5)) << "it has gone";
  EXPECT_EQ(kept.Drop(2)->freed_bytes, 27 + 2 * place);
  EXPECT_EQ(kept.Oldest(), kStart + std::chrono::seconds(9));
  EXPECT_EQ(kept.Drop(9)->freed_bytes, 11 + place);
  EXPECT_TRUE(kept.Empty());
  EXPECT_EQ(kept.Bytes(), 0U);
  EXPECT_EQ(kept.Oldest(), std::nullopt);
}

TEST(KeptEvents, AClientIsChargedUntilTheMemoryIsFree) {
  ClientShares shares{{}};
  KeptEvents kept(&shares);
  Source a(5, "aaaa", "k");
  Source b(2, "bb", std::nullopt);
  std::vector<JournalEvent> together = {a.event, b.event};
  kept.Keep(together);
  EXPECT_EQ(shares.Held(kClient, Shared::kJournalBytes), kept.Bytes());
  kept.Drop(5);
  EXPECT_EQ(shares.Held(kClient, Shared::kJournalBytes), kept.Bytes());
  kept.Drop(2);
  EXPECT_EQ(shares.Held(kClient, Shared::kJournalBytes), 0U);
}

TEST(KeptEvents, NothingIsKeptOfNothing) {
  KeptEvents kept;
  kept.Keep({});
  EXPECT_TRUE(kept.Empty());
  EXPECT_EQ(kept.Oldest(), std::nullopt);
}

}  // namespace
}  // namespace ei::app
