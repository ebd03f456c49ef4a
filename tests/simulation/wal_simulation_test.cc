// The service on a disk and with a broker that misbehave, through crashes. EI_SEED with EI_SCHEDULES=1 runs
// one schedule again; EI_SCHEDULES says how many.

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <string>

#include "adapters/json/event_decoder.h"
#include "simulation/wal_schedule.h"

namespace ei::simulation {
namespace {

uint64_t Schedules() {
  const char* const text = std::getenv("EI_SCHEDULES");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 2'000;
}

TEST(WalSimulation, WhatIsAcknowledgedIsKept) {
  const uint64_t seed = support::SeedOr(1);
  const uint64_t schedules = Schedules();
  json::DecoderOptions options;
  options.key_pointer = {"key"};
  const auto decoder = json::MakeEventDecoder(options);
  Occurred occurred;
  for (uint64_t i = 0; i < schedules && !HasFailure(); ++i) {
    SCOPED_TRACE(testing::Message() << "run this schedule again: EI_SCHEDULES=1 EI_SEED=" << seed + i);
    WalSchedule(seed + i, *decoder, occurred).Run();
  }
  for (const auto& [kind, count] : occurred) std::cout << "[ occurred ] " << count << " x " << kind << '\n';
}

}  // namespace
}  // namespace ei::simulation
