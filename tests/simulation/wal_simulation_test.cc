// The service on a disk and with a broker that misbehave, through crashes. EI_SCHEDULES says how many
// schedules; EI_SCHEDULES=1 EI_SEED=n runs one again (make sim SEED=n).

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "adapters/json/event_decoder.h"
#include "simulation/wal_schedule.h"
#include "support/events.h"

namespace ei::simulation {
namespace {

// From here on each kind of fault must have occurred; fewer schedules may miss a rare one.
constexpr uint64_t kEnoughForAll = 5'000;

uint64_t Schedules() {
  const char* const text = std::getenv("EI_SCHEDULES");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : kEnoughForAll;
}

class WalSimulation : public ::testing::Test {
 protected:
  // What no disk does, or no schedule asks for.
  static bool CannotOccur(const std::string& kind) {
    if (!kind.starts_with("disk: ENOSPC on ")) return false;
    return kind != "disk: ENOSPC on write" && kind != "disk: ENOSPC on create";
  }

  void PrintAndCheck(bool all) const {
    for (const auto& [kind, count] : occurred_) {
      if (CannotOccur(kind)) continue;
      std::cout << "[ occurred ] " << count << " x " << kind << '\n';
      if (all) {
        EXPECT_GT(count, 0U) << kind << " never occurred";
      }
    }
  }

  static std::unique_ptr<app::EventDecoder> Decoder() {
    auto decoder = json::MakeEventDecoder({});
    decoder->UseRoutes(support::KeyedBy({"key"}));
    return decoder;
  }

  const std::unique_ptr<app::EventDecoder> decoder_ = Decoder();
  Occurred occurred_;
};

TEST_F(WalSimulation, WhatIsAcknowledgedIsKept) {
  const uint64_t seed = support::SeedOr(1);
  const uint64_t schedules = Schedules();
  for (const char* kind : WalSchedule::kKinds) occurred_[kind] = 0;
  for (uint64_t i = 0; i < schedules && !HasFailure(); ++i) {
    SCOPED_TRACE(testing::Message() << "run this schedule again: make sim SEED=" << seed + i);
    WalSchedule(seed + i, *decoder_, occurred_).Run();
  }
  occurred_["schedules"] = schedules;
  PrintAndCheck(schedules >= kEnoughForAll && !HasFailure());
}

// Short runs, each from its beginning for every operation of the disk at which the power can go.
TEST_F(WalSimulation, PowerMayGoAtEveryStep) {
  const uint64_t seed = support::SeedOr(900'001);
  uint64_t stops = 0;
  for (uint64_t run = 0; run < 40 && !HasFailure(); ++run) {
    for (uint64_t operations = 1; !HasFailure(); ++operations, ++stops) {
      SCOPED_TRACE(testing::Message()
                   << "EI_SEED=" << seed + run << ", power goes after operation " << operations);
      if (!WalSchedule(seed + run, *decoder_, occurred_).RunUntil(operations)) break;
    }
  }
  std::cout << "[ occurred ] " << stops << " x power gone at a step of its own\n";
  EXPECT_GT(stops, 1'000U);
}

// Twice in a row, for every two operations of the disk at which a start can end.
TEST_F(WalSimulation, StartsMayBeCutShortAtEveryStep) {
  const uint64_t seed = support::SeedOr(950'001);
  uint64_t pairs = 0;
  for (uint64_t run = 0; run < 3; ++run) {
    for (uint64_t first = 1, second = 1; !HasFailure(); ++second, ++pairs) {
      SCOPED_TRACE(testing::Message() << "EI_SEED=" << seed + run << ", starts end after " << first << " and "
                                      << second << " operations");
      if (WalSchedule(seed + run, *decoder_, occurred_).RunWithStartsCutShort(first, second)) continue;
      if (second == 1) break;
      ++first;
      second = 0;
    }
  }
  std::cout << "[ occurred ] " << pairs << " x two starts cut short\n";
  EXPECT_GT(pairs, 1'000U);
}

}  // namespace
}  // namespace ei::simulation
