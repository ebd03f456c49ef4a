#include <gtest/gtest.h>

#include <set>

#include "adapters/wal/log_repair.h"
#include "support/random.h"
#include "support/written_log.h"

namespace ei::wal {
namespace {

using support::WrittenLog;

// Damage of every kind, several at a time.
void DamageSomething(const WrittenLog& log, support::Random& random) {
  const auto names = log.Names();
  const std::string& name = names[random.Below(names.size())];
  const std::filesystem::path path = log.Path(name);
  std::string content = support::ReadFile(path);
  if (content.empty()) return;
  const uint64_t at = random.Below(content.size());
  const uint64_t bytes = 1 + random.Below(std::min<uint64_t>(content.size() - at, 2000));
  switch (random.Below(8)) {
    case 0: std::filesystem::remove(path); return;
    case 1: content.resize(at); break;
    case 2: content.replace(at, bytes, bytes, '\0'); break;
    case 3: content.replace(0, bytes, bytes, '\xff'); break;
    case 4: content.insert(at, bytes, 'x'); break;
    case 5: content = support::ReadFile(log.Path(names[random.Below(names.size())])); break;
    default: content[at] = static_cast<char>(content[at] ^ (1 << random.Below(8))); break;
  }
  support::WriteFile(path, content);
}

class Holdings final : public SegmentVisitor {
 public:
  void OnFrame(const FrameHeader&, uint64_t) override {}
  bool OnEvent(const LoggedEvent& event) override {
    if (!event.settled) unsettled.emplace(event.Id());
    return true;
  }
  void OnDamage(const LogDamage&) override {}
  void OnMissing(uint64_t, uint64_t) override {}

  std::set<std::string> unsettled;
};

// After any damage: events that could be read before are delivered after the repair, and the log is sound.
TEST(LogRepairRandom, ReadableEventsAreDeliveredAfterTheRepair) {
  constexpr uint64_t kRounds = 25;
  const uint64_t seed = support::SeedOr(1);
  support::Random random(seed);
  for (uint64_t round = 0; round < kRounds && !testing::Test::HasFailure(); ++round) {
    WrittenLog log;
    log.Commit(random.Below(30));
    if (log.Journal().Stats().events > 9) log.Settle(10, 3, 3 + random.Below(5));
    random.Below(2) == 0 ? log.Stop() : log.Crash();
    for (uint64_t i = random.Below(4); i > 0; --i) {
      if (!log.Names().empty()) DamageSomething(log, random);
    }
    Holdings readable;
    {
      auto directory = PosixDirectory::OpenForWriting(log.Folder());
      const auto plan = PlanRepair(**directory);
      ASSERT_TRUE(plan) << plan.error().message;
      for (const SurveyedSegment& segment : plan->survey.segments) {
        ReadSegment(**directory, segment, plan->survey.settled, readable);
      }
      const auto outcome = Repair(**directory, *plan, seed);
      ASSERT_TRUE(outcome) << outcome.error().message;
      const auto again = PlanRepair(**directory);
      ASSERT_TRUE(again);
      EXPECT_TRUE(again->damaged.empty());
      EXPECT_EQ(again->lost_events, 0u);
      EXPECT_EQ(again->survey.checkpoint.damage, "");
    }
    log.Start();
    const auto ids = log.TakeAll();
    EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()), readable.unsettled) << "round " << round;
    EXPECT_EQ(log.Journal().Counts().lost, 0u);
    log.Stop();
  }
}

}  // namespace
}  // namespace ei::wal
