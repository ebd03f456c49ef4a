#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "clients/client_shares.h"
#include "contract/journal_contract.h"
#include "support/random.h"

namespace ei::contract {
namespace {

class JournalShares : public JournalContract {
 protected:
  void OpenShared(JournalShape shape) {
    ClientShares::Options options;
    options.capacities.fill(1 << 20);
    shares_ = std::make_unique<ClientShares>(options);
    shape.shares = shares_.get();
    Open(shape);
  }

  // A client that sends events.
  ClientShares::ClientHandle Enter(std::string_view identity) {
    ClientShares::ClientHandle handle = shares_->Enter(identity, now_);
    shares_->NoteSender(handle.Client(), now_);
    return handle;
  }

  void AppendFor(const ClientShares::ClientHandle& client, size_t events, size_t bytes) {
    EventBatch batch;
    batch.Clear(client.Client());
    for (size_t i = 0; i < events; ++i) Add(batch, "a", "k" + std::to_string(i), bytes);
    ASSERT_EQ(journal_->Append(batch, now_), AppendResult::kAppended);
  }

  double Held() const { return shares_->LargestPart(Shared::kJournalBytes); }

  std::unique_ptr<ClientShares> shares_;
};

INSTANTIATE_TEST_SUITE_P(Adapters, JournalShares, ::testing::ValuesIn(JournalMakers()),
                         [](const auto& maker) { return maker.param.name; });

TEST_P(JournalShares, HeldBytesAreReportedUntilTheyAreSettled) {
  OpenShared({});
  const auto large = Enter("large");
  const auto small = Enter("small");
  AppendFor(large, 100, 5'000);
  AppendFor(small, 1, 100);
  EXPECT_GE(Held(), 500'000.0 / (1 << 20));
  EXPECT_FALSE(shares_->Allows(large.Client(), Shared::kJournalBytes, 500'000));
  EXPECT_TRUE(shares_->Allows(small.Client(), Shared::kJournalBytes, 100'000));
  Settle(TakeAllLanes());
  EXPECT_EQ(Held(), 0);
}

TEST_P(JournalShares, ARejectedBatchIsChargedToNoClient) {
  OpenShared({.events_max = 10, .bytes_max = 1 << 20, .lanes = 1});
  const auto client = shares_->Enter("a", now_);
  EventBatch batch;
  batch.Clear(client.Client());
  Add(batch, "a", "k", 2 << 20);
  EXPECT_EQ(journal_->Append(batch, now_), AppendResult::kTooLarge);
  journal_->Close();
  EXPECT_EQ(journal_->Append(batch, now_), AppendResult::kClosed);
  EXPECT_EQ(Held(), 0);
}

// After all events are settled, in any order, no client holds anything.
TEST_P(JournalShares, RandomOrdersLeaveNothingHeld) {
  for (uint64_t seed = 1; seed <= support::Repeats(20); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    support::Random random(seed);
    OpenShared({.bytes_max = 8 << 20});
    std::vector<ClientShares::ClientHandle> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(shares_->Enter(std::to_string(i), now_));
    std::vector<TakenEvent> taken;
    for (int step = 0; step < 200; ++step) {
      AppendFor(clients[random.Below(clients.size())], 1 + random.Below(5), 1 + random.Below(3'000));
      const auto more = TakeAllLanes();
      taken.insert(taken.end(), more.begin(), more.end());
      while (taken.size() > 50) {
        for (size_t i = taken.size(); i > 1; --i) std::swap(taken[i - 1], taken[random.Below(i)]);
        const auto kept = taken.end() - static_cast<std::ptrdiff_t>(random.Between(1, 20));
        Settle({kept, taken.end()});
        taken.erase(kept, taken.end());
      }
    }
    EXPECT_GT(Held(), 0);
    Settle(taken);
    EXPECT_EQ(Held(), 0);
  }
}

}  // namespace
}  // namespace ei::contract
