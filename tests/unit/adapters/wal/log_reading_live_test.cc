#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "adapters/wal/wal_threads.h"
#include "support/written_log.h"

namespace ei::wal {
namespace {

using support::WrittenLog;

class DamageCounter final : public SegmentVisitor {
 public:
  void OnFrame(const FrameHeader&, uint64_t) override {}
  bool OnEvent(const LoggedEvent& event) override {
    if (!event.settled) ++unsettled;
    return true;
  }
  void OnDamage(const LogDamage& damage) override { Add(damage); }
  void OnMissing(uint64_t from, uint64_t to) override { Add({"missing", 0, 0, from, to}); }
  void Add(const LogDamage& damage) {
    ADD_FAILURE() << damage.what << ", bytes " << damage.from_byte << ':' << damage.to_byte << ", positions "
                  << damage.from_position << ':' << damage.to_position;
  }

  uint64_t unsettled = 0;
};

// The log of a service that commits, delivers and recycles as fast as it can never looks damaged.
TEST(LogReadingLive, BusyServiceLooksSound) {
  WrittenLog log;
  std::atomic<bool> done{false};
  std::thread service([&] {
    constexpr uint64_t kRounds = 46;
    for (uint64_t round = 0; round < kRounds; ++round) {
      log.Commit(round % 23);
      log.Settle(2 * (round % 23));
    }
    done = true;
  });
  uint64_t read = 0;
  bool last = false;
  while (!last && !testing::Test::HasFailure()) {
    last = done;
    auto directory = PosixDirectory::OpenReadOnly(log.Folder());
    ASSERT_TRUE(directory);
    const auto survey = SurveyLog(**directory);
    if (!survey) {
      ADD_FAILURE() << survey.error().message;
      break;
    }
    EXPECT_EQ(survey->checkpoint.damage, "");
    DamageCounter counter;
    for (const LogDamage& damage : survey->damage) counter.Add(damage);
    for (const SurveyedSegment& segment : survey->segments) {
      if (ReadSegment(**directory, segment, survey->settled, counter) == SegmentRead::kDone) ++read;
    }
  }
  service.join();
  EXPECT_GT(read, 0u);
}

}  // namespace
}  // namespace ei::wal
