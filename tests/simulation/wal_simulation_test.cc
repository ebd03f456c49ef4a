// The service with faulty disk and broker, through crashes. EI_SCHEDULES sets the number of schedules;
// EI_SCHEDULES=1 EI_SEED=n repeats one (make sim SEED=n).

#include <gtest/gtest.h>

#include <iostream>
#include <string>

#include "adapters/json/event_decoder.h"
#include "simulation/wal_schedule.h"
#include "support/events.h"

namespace ei::simulation {
namespace {

// From this number of schedules on, every kind of fault must have occurred; fewer may miss rare ones.
constexpr uint64_t kEnoughForAll = 5'000;

class WalSimulation : public ::testing::Test {
 protected:
  // Faults that no disk has, or that no schedule uses.
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

  static std::unique_ptr<EventDecoder> Decoder() {
    auto decoder = json::MakeEventDecoder({});
    decoder->UseRoutes(support::KeyedBy({"key"}));
    return decoder;
  }

  const std::unique_ptr<EventDecoder> decoder_ = Decoder();
  Occurred occurred_;
};

TEST_F(WalSimulation, WhatIsAcknowledgedIsKept) {
  const uint64_t seed = support::SeedOr(1);
  const uint64_t schedules = support::SchedulesOr(kEnoughForAll);
  for (const char* kind : WalSchedule::kKinds) occurred_[kind] = 0;
  for (uint64_t i = 0; i < schedules && !HasFailure(); ++i) {
    SCOPED_TRACE(testing::Message() << "run this schedule again: make sim SEED=" << seed + i);
    WalSchedule(seed + i, *decoder_, occurred_).Run();
  }
  occurred_["schedules"] = schedules;
  PrintAndCheck(schedules >= kEnoughForAll && !HasFailure());
}

// Short runs, each from its beginning: power is lost after every possible number of disk operations.
TEST_F(WalSimulation, PowerMayGoAtEveryStep) {
  const uint64_t seed = support::SeedOr(900'001);
  uint64_t stops = 0;
  for (uint64_t run = 0; run < 40 && !HasFailure(); ++run) {
    for (uint64_t operations = 1; !HasFailure(); ++operations, ++stops) {
      SCOPED_TRACE(testing::Message()
                   << "EI_SEED=" << seed + run << ", power lost after operation " << operations);
      if (!WalSchedule(seed + run, *decoder_, occurred_).RunUntil(operations)) break;
    }
  }
  std::cout << "[ occurred ] " << stops << " x power lost at a different step\n";
  EXPECT_GT(stops, 1'000U);
}

TEST_F(WalSimulation, NotesOfOtherEventsSettleNothing) {
  const uint64_t seed = support::SeedOr(970'001);
  const uint64_t schedules = support::SchedulesOr(kEnoughForAll);
  for (const char* kind : {"notes: the newest commit was damaged", "notes: of an earlier log"}) {
    occurred_[kind] = 0;
  }
  for (uint64_t i = 0; i < schedules && !HasFailure(); ++i) {
    SCOPED_TRACE(testing::Message() << "run this schedule again with EI_SEED=" << seed + i);
    WalSchedule(seed + i, *decoder_, occurred_).RunWithNotesOfOthers();
  }
  for (const auto& [kind, count] : occurred_) {
    if (!kind.starts_with("notes: ")) continue;
    std::cout << "[ occurred ] " << count << " x " << kind << '\n';
    if (schedules >= kEnoughForAll && !HasFailure()) {
      EXPECT_GT(count, 0U) << kind << " never occurred";
    }
  }
}

// Two starts in a row are cut short, each after any number of disk operations that a start may make.
TEST_F(WalSimulation, TwoStartsMayBeCutShort) {
  const uint64_t seed = support::SeedOr(950'001);
  const uint64_t schedules = support::SchedulesOr(kEnoughForAll);
  for (uint64_t i = 0; i < schedules && !HasFailure(); ++i) {
    SCOPED_TRACE(testing::Message() << "run this schedule again with EI_SEED=" << seed + i);
    WalSchedule(seed + i, *decoder_, occurred_).RunWithStartsCutShort();
  }
  std::cout << "[ occurred ] " << occurred_["two starts cut short"] << " x two starts cut short\n";
  if (schedules >= kEnoughForAll) {
    EXPECT_GT(occurred_["two starts cut short"], 1'000U);
  }
}

}  // namespace
}  // namespace ei::simulation
