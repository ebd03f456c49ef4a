// Runs the delivery worker through many short random schedules with a sink that does everything that its
// interface allows. The sink and the journal check the order per key and that each event is settled once.

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "journal/memory_journal.h"
#include "support/delivery_rig.h"
#include "support/events.h"
#include "support/random.h"

namespace ei {
namespace {

class DeliverySchedules : public ::testing::Test {
 protected:
  void RunOne(uint64_t seed) {
    support::Random random(seed);
    support::DeliveryRig rig(1, journal_, random.Next());
    rig.sink.Misbehave(!random.OneIn(5));
    std::vector<std::string> accepted;
    const uint64_t events = random.Between(1, 30);
    const uint64_t keys = random.Between(1, 6);
    const char* const outcomes = random.OneIn(2) ? "gggggggg" : "ggggggii";
    for (uint64_t steps = random.Between(20, 150); steps > 0 && !HasFailure(); --steps) {
      switch (random.Below(7)) {
        case 0:
        case 1: Accept(random, rig, events, keys, outcomes, accepted); break;
        case 2:
        case 3: rig.sink.Progress(); break;
        case 4: rig.clock.Advance(std::chrono::microseconds(random.Below(30'000))); break;
        case 5: rig.sink.SetOutage(random.OneIn(6)); break;
        default: rig.RunOneWorker(0); break;
      }
    }
    rig.DrainAll();
    rig.CheckFates(accepted);
    rig.CheckAccounts();
    AddCounts(rig.sink.Total());
  }

  static void Accept(support::Random& random, support::DeliveryRig& rig, uint64_t events, uint64_t keys,
                     const char* outcomes, std::vector<std::string>& accepted) {
    EventBatch batch;
    for (uint64_t n = random.Between(1, 5); n > 0 && accepted.size() < events; --n) {
      accepted.push_back("#" + std::string(1, outcomes[random.Below(8)]) +
                         std::to_string(accepted.size() + 1) + "#");
      const std::string key = std::to_string(random.Below(keys));
      support::AddRawEvent(batch, accepted.back(),
                           random.OneIn(6) ? std::nullopt : std::optional<std::string_view>(key), 0);
    }
    if (!batch.Empty()) {
      ASSERT_EQ(rig.journal.Append(batch, rig.clock.Now()), AppendResult::kAppended);
    }
  }

  void AddCounts(const support::MisbehavingSink::Counts& counts) {
    seen_[0] += counts.rejected;
    seen_[1] += counts.dead_letter_failed;
    seen_[2] += counts.reported_within_add;
    seen_[3] += counts.held_back;
    seen_[4] += counts.in_outage;
    seen_[5] += counts.delivered;
  }

  MemoryJournal journal_{{.events_max = 100, .bytes_max = 1 << 20, .lanes = 1}};
  std::array<uint64_t, 6> seen_{};
};

TEST_F(DeliverySchedules, NothingIsLostRepeatedOrOvertaken) {
  const uint64_t seed = support::SeedOr(41);
  constexpr uint64_t kSchedules = support::Repeats(50'000);
  for (uint64_t i = 0; i < kSchedules && !HasFailure(); ++i) {
    SCOPED_TRACE(testing::Message() << "EI_SEED=" << seed << ", schedule " << i
                                    << ": run it with EI_SEED=" << seed + i);
    RunOne(seed + i);
  }
  for (const uint64_t count : seen_) EXPECT_GT(count, kSchedules / 50) << "a kind of fault hardly occurred";
}

}  // namespace
}  // namespace ei
