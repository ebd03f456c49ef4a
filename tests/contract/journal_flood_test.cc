// One client floods the journal with events that cost the journal most and the client least. A client that
// uses less than 1/8 must still be able to append all of its events.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "clients/client_shares.h"
#include "contract/journal_contract.h"
#include "support/random.h"
#include "support/sim_disk.h"
#include "support/taken_events.h"

namespace ei::contract {
namespace {

// A flood: requests with events of these sizes, repeated in a cycle.
struct Flood {
  std::string name;
  std::vector<std::vector<size_t>> requests;
};

std::vector<Flood> Floods() {
  return {
      {"TinyEvents", {{10}}},
      {"TinyEventsInBatches", {std::vector<size_t>(1'000, 10)}},
      {"SmallEvents", {{110}}},
      {"SmallEventsInBatches", {std::vector<size_t>(500, 110)}},
      {"JustOverASector", {{470}}},
      // Each event takes a block of 256 KiB and leaves half of it unused.
      {"HalfBlocks", {std::vector<size_t>(6, 131'100)}},
      {"HalfBlocksOneByOne", {{131'100}}},
      // Each event needs its own block, which ends the block before it.
      {"LargeBetweenSmall", {{262'200}, {10}}},
      {"SmallAndLargeInOne", {{10, 262'200, 10, 262'200}}},
      // Most events don't fit the rest of a segment, which is then wasted.
      {"LargeRequests", {std::vector<size_t>(7, 100'000)}},
      {"AllKinds", {{10}, {131'100}, std::vector<size_t>(300, 60), {262'200}, {3'000, 5}}},
  };
}

// A log on a disk in memory, because these tests sync often.
struct LogInMemory {
  explicit LogInMemory(const JournalShape& shape)
      : journal(std::move(wal::WalJournal::Open(LogOptionsOf(shape), *folder, clock, log, 1).value())) {}

  support::SimDisk disk{1};
  const std::unique_ptr<wal::Directory> folder = disk.Mount();
  support::VirtualClock clock;
  support::NullLog log;
  support::SteppedWal journal;
};

struct FloodCase {
  JournalMaker maker;
  Flood flood;

  friend void PrintTo(const FloodCase& each, std::ostream* out) { *out << each.flood.name; }
};

std::vector<FloodCase> FloodCases(const std::vector<JournalMaker>& makers) {
  std::vector<FloodCase> cases;
  for (const JournalMaker& maker : makers) {
    for (const Flood& flood : Floods()) cases.push_back({maker, flood});
  }
  return cases;
}

class JournalFlood : public ::testing::TestWithParam<FloodCase> {
 protected:
  void Open(JournalShape shape) {
    Close();
    ClientShares::Options options;
    capacity_ = GetParam().maker.shareable_bytes(shape);
    options.capacities[static_cast<size_t>(Shared::kJournalBytes)] = capacity_;
    if (GetParam().maker.bounds_events)
      options.capacities[static_cast<size_t>(Shared::kJournalEvents)] = shape.events_max;
    shares_ = std::make_unique<ClientShares>(options);
    shape.shares = shares_.get();
    shape_ = shape;
    if (GetParam().maker.survives) {
      const auto log = std::make_shared<LogInMemory>(shape);
      journal_ = std::shared_ptr<Journal>(log, &log->journal);
    } else {
      journal_ = GetParam().maker.make(shape);
    }
    journal_->OnLaneFilled([](size_t) {});
    flood_ = Enter("flood");
    small_ = Enter("small");
  }

  void Close() {
    flood_ = {};
    small_ = {};
    journal_.reset();
    taken_.clear();
  }

  ClientShares::ClientHandle Enter(std::string_view identity) {
    ClientShares::ClientHandle handle = shares_->Enter(identity, now_);
    shares_->NoteSender(handle.Client(), now_);
    return handle;
  }

  AppendResult Append(const ClientShares::ClientHandle& client, const std::vector<size_t>& sizes) {
    EventBatch batch;
    batch.Clear(client.Client());
    for (const size_t size : sizes) support::AddRawEvent(batch, "e", "k" + std::to_string(++key_), size);
    return journal_->Append(batch, now_).result;
  }

  // Sends until one full cycle of requests is rejected.
  void FloodIt() {
    const auto& requests = GetParam().flood.requests;
    size_t refused = 0;  // consecutive rejections
    for (; refused < requests.size(); ++request_) {
      const AppendResult result = Append(flood_, requests[request_ % requests.size()]);
      ASSERT_TRUE(result == AppendResult::kAppended || result == AppendResult::kOverShare)
          << "not accepted, but not for its share either: " << static_cast<int>(result);
      refused = result == AppendResult::kAppended ? 0 : refused + 1;
    }
  }

  bool IsBelowItsPart() const {
    // The maximum cost of one small event: its own frame.
    constexpr uint64_t kCostMax = 2'048;
    return shares_->Held(small_.Client(), Shared::kJournalBytes) + kCostMax <=
               capacity_ / ClientShares::kReserveFraction &&
           shares_->Held(small_.Client(), Shared::kJournalEvents) + 1 <=
               shape_.events_max / ClientShares::kReserveFraction;
  }

  // Takes all events and settles each with a chance of one in `of`.
  void SettleSome(uint64_t of) {
    for (size_t lane = 0; lane < shape_.lanes; ++lane) {
      std::vector<support::TakenEvent> events;
      do {
        events = support::Take(*journal_, lane);
        taken_.insert(taken_.end(), events.begin(), events.end());
      } while (!events.empty());
    }
    const auto settled = std::ranges::partition(taken_, [&](const auto&) { return random_.Below(of) > 0; });
    support::Settle(*journal_, settled);
    taken_.erase(settled.begin(), settled.end());
  }

  JournalShape shape_;
  uint64_t capacity_ = 0;
  std::unique_ptr<ClientShares> shares_;
  std::shared_ptr<Journal> journal_;
  ClientShares::ClientHandle flood_;
  ClientShares::ClientHandle small_;
  std::vector<support::TakenEvent> taken_;
  support::Random random_{support::SeedOr(1)};
  size_t request_ = 0;
  uint64_t key_ = 0;
  base::SteadyTime now_{std::chrono::hours(1)};
};

// For journals that also limit the number of events.
class JournalFloodOfEvents : public JournalFlood {};

std::string NameOf(const ::testing::TestParamInfo<FloodCase>& test) {
  return test.param.maker.name + test.param.flood.name;
}

INSTANTIATE_TEST_SUITE_P(Shapes, JournalFlood, ::testing::ValuesIn(FloodCases(JournalMakers())), NameOf);
INSTANTIATE_TEST_SUITE_P(Shapes, JournalFloodOfEvents,
                         ::testing::ValuesIn(FloodCases(MakersThatBoundEvents())), NameOf);

TEST_P(JournalFlood, InAnOutageTheLastEighthIsKept) {
  for (const uint64_t segments : {2, 4}) {
    SCOPED_TRACE("segments " + std::to_string(segments));
    Open({.events_max = 100'000, .bytes_max = 4 << 20, .segments = segments});
    FloodIt();
    size_t accepted = 0;
    for (; IsBelowItsPart(); ++accepted) {
      const AppendResult result = Append(small_, {100});
      ASSERT_EQ(result, AppendResult::kAppended)
          << "after " << accepted << " events, of " << shares_->Held(small_.Client(), Shared::kJournalBytes)
          << " bytes";
    }
    EXPECT_GT(accepted, 100U);
  }
}

TEST_P(JournalFlood, FreedSpaceIsReservedForClientsThatHoldLittle) {
  Open({.events_max = 100'000, .bytes_max = 4 << 20, .segments = 4});
  uint64_t sent = 0;
  uint64_t refused = 0;
  for (int round = 0; round < 16; ++round) {
    FloodIt();
    for (int i = 0; i < 20 && IsBelowItsPart(); ++i) {
      ++sent;
      refused += Append(small_, {100}) == AppendResult::kAppended ? 0 : 1;
    }
    FloodIt();
    SettleSome(round % 4 == 3 ? 1 : 2);
  }
  EXPECT_GE(sent, 160U);
  EXPECT_EQ(refused, 0U);
  SettleSome(1);
  EXPECT_EQ(shares_->Held(flood_.Client(), Shared::kJournalBytes), 0U);
  EXPECT_EQ(shares_->Held(small_.Client(), Shared::kJournalBytes), 0U);
  EXPECT_EQ(journal_->Stats().events, 0U);
}

TEST_P(JournalFloodOfEvents, TheLastEighthOfThemIsKept) {
  Open({.events_max = 2'000, .bytes_max = 64 << 20});
  FloodIt();
  while (IsBelowItsPart()) ASSERT_EQ(Append(small_, {100}), AppendResult::kAppended);
}

}  // namespace
}  // namespace ei::contract
