// Several request threads, one taker for each lane that sleeps until it is woken, and another thread that
// reports results. A lost wake-up makes the test hang; ThreadSanitizer finds races.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "contract/journal_contract.h"
#include "support/random.h"

namespace ei::contract {
namespace {

struct TakerState {
  base::Mutex mutex;
  base::CondVar changed;
  bool woken GUARDED_BY(mutex) = false;
};

class JournalThreads : public JournalContract {};

INSTANTIATE_TEST_SUITE_P(Adapters, JournalThreads, ::testing::ValuesIn(JournalMakers()),
                         [](const auto& maker) { return maker.param.name; });

TEST_P(JournalThreads, EveryEventArrivesOnceAndInItsKeysOrder) {
  constexpr size_t kLanes = 2;
  constexpr size_t kAppenders = 3;
  constexpr int kPerAppender = 4'000;
  constexpr uint64_t kAll = kAppenders * kPerAppender;
  const uint64_t seed = support::SeedOr(31);
  SCOPED_TRACE(testing::Message() << "EI_SEED=" << seed);
  std::array<TakerState, kLanes> takers;
  const auto wake = [&](size_t lane) {
    base::MutexLock lock(takers[lane].mutex);
    takers[lane].woken = true;
    takers[lane].changed.NotifyOne();
  };
  OpenThreaded({.events_max = 500, .bytes_max = 1 << 20, .lanes = kLanes}, wake);

  base::Mutex settle_mutex;
  std::vector<JournalEvent> to_settle;  // guarded by settle_mutex; the views are not valid
  std::atomic<uint64_t> taken{0};
  std::atomic<uint64_t> settled{0};
  std::atomic<int> disorders{0};

  std::vector<std::thread> threads;
  for (size_t a = 0; a < kAppenders; ++a) {
    threads.emplace_back([&, a] {
      support::Random random(seed + a);
      EventBatch batch;
      for (int next = 0; next < kPerAppender;) {
        batch.Clear();
        const int count = static_cast<int>(std::min<uint64_t>(random.Between(1, 20), kPerAppender - next));
        for (int i = 0; i < count; ++i) {
          Add(batch, std::to_string(next + i), std::to_string(a) + "-" + std::to_string((next + i) % 5),
              random.OneIn(100) ? 20'000 : 0);
        }
        while (journal_->Append(batch, now_) != AppendResult::kAppended) {
          journal_->Full(batch.ClientBytes());
          std::this_thread::yield();
        }
        next += count;
      }
    });
  }
  for (size_t lane = 0; lane < kLanes; ++lane) {
    threads.emplace_back([&, lane] {
      std::map<std::string, int> last_of_key;
      std::vector<JournalEvent> events(64);
      while (taken < kAll) {
        const size_t count = journal_->Take(lane, events);
        if (count == 0) {
          base::MutexLock lock(takers[lane].mutex);
          while (!takers[lane].woken) takers[lane].changed.Wait(takers[lane].mutex);
          takers[lane].woken = false;
          continue;
        }
        for (size_t i = 0; i < count; ++i) {
          const int number = std::stoi(std::string(events[i].value.substr(0, events[i].value.find('.'))));
          const auto [known, first] = last_of_key.emplace(std::string(events[i].key), number);
          if (!first && known->second >= number) ++disorders;
          known->second = number;
        }
        {
          base::MutexLock lock(settle_mutex);
          to_settle.insert(to_settle.end(), events.begin(),
                           events.begin() + static_cast<std::ptrdiff_t>(count));
        }
        if ((taken += count) >= kAll) {
          for (size_t other = 0; other < kLanes; ++other) wake(other);
        }
      }
    });
  }
  threads.emplace_back([&] {
    support::Random random(seed + 100);
    std::vector<JournalEvent> some;
    while (settled < kAll) {
      {
        base::MutexLock lock(settle_mutex);
        for (size_t i = to_settle.size(); i > 1; --i) std::swap(to_settle[i - 1], to_settle[random.Below(i)]);
        const size_t count = (to_settle.size() + 1) / 2;
        some.assign(to_settle.end() - static_cast<std::ptrdiff_t>(count), to_settle.end());
        to_settle.resize(to_settle.size() - count);
      }
      if (some.empty()) {
        std::this_thread::yield();
        continue;
      }
      support::Settle(*journal_, some);
      settled += some.size();
      const auto stats = journal_->Stats();
      if (GetParam().bounds_events && stats.events > stats.events_max) ++disorders;
      if (stats.bytes > stats.bytes_max) ++disorders;
    }
  });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(taken, kAll);
  EXPECT_EQ(disorders, 0);
  EXPECT_EQ(journal_->Stats().events, 0U);
}

}  // namespace
}  // namespace ei::contract
