#include "app/stuck_destinations.h"

#include <gtest/gtest.h>

#include <optional>
#include <string_view>

#include "adapters/memory_journal/memory_journal.h"
#include "support/events.h"
#include "support/scripted_sink.h"

namespace ei::app {
namespace {

class StuckDestinationsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    journal_.OnLaneFilled([](size_t) {});
    sink_.Route([](const OutboundEvent& event) {
      if (!event.has_key) return Destinations{0, 10};
      return Destinations{event.topic == "orders" ? 20U : 1U};
    });
  }
  // So many events more are in the journal.
  void Fill(size_t events) {
    domain::EventBatch batch;
    for (size_t i = 0; i < events; ++i) support::AddRawEvent(batch, "e", "k", 10);
    ASSERT_EQ(journal_.Append(batch, base::SteadyTime()), AppendResult::kAppended);
  }
  bool Refused(std::optional<std::string_view> key, const domain::Route& route = support::kByPointer) {
    domain::EventBatch batch;
    domain::DecodedEvent event;
    event.json = "{}";
    event.id = {domain::Member::Kind::kString, "0", event.json.substr(0, 1)};
    event.timestamp = event.id;
    event.key = key.value_or("");
    event.has_key = key.has_value();
    event.route = &route;
    batch.Add(event, {}, {}, {});
    return stuck_.RefuseLast(batch);
  }

  support::ScriptedSink sink_;
  memory_journal::MemoryJournal journal_{{.events_max = 100, .bytes_max = 4 << 20, .lanes = 2}};
  StuckDestinations stuck_{sink_, journal_, 2};
};

TEST_F(StuckDestinationsTest, NothingIsRefusedWhileNothingIsStuck) {
  Fill(100);
  EXPECT_FALSE(Refused("k"));
  EXPECT_EQ(stuck_.Count(), 0U);
}

TEST_F(StuckDestinationsTest, RefusesOnceTheJournalIsCrowded) {
  stuck_.Tell(0, {1});
  Fill(25);
  EXPECT_FALSE(Refused("k")) << "there is room for it";
  Fill(1);
  EXPECT_TRUE(Refused("k"));
  stuck_.Tell(0, {});
  EXPECT_FALSE(Refused("k"));
}

TEST_F(StuckDestinationsTest, OthersAreNotRefused) {
  const domain::Route orders{.topic = "orders", .key_source = domain::KeySource::kPointer};
  stuck_.Tell(0, {1});
  Fill(50);
  EXPECT_FALSE(Refused("k", orders));
  EXPECT_FALSE(Refused(std::nullopt)) << "it may go by another partition";
}

TEST_F(StuckDestinationsTest, OneLaneIsEnoughAndEachCountsOnce) {
  stuck_.Tell(0, {1, 2});
  stuck_.Tell(1, {2, 3});
  EXPECT_EQ(stuck_.Count(), 3U);
  Fill(50);
  stuck_.Tell(1, {});
  EXPECT_TRUE(Refused("k"));
  stuck_.Tell(0, {});
  stuck_.Tell(1, {1});
  EXPECT_TRUE(Refused("k"));
}

}  // namespace
}  // namespace ei::app
