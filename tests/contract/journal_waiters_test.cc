// Requests that wait for events of a journal, and how they are notified.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "contract/journal_contract.h"
#include "journal/idempotency_window.h"
#include "journal/waiter.h"
#include "support/event_settler.h"
#include "support/random.h"
#include "support/waiting_request.h"

namespace ei::contract {
namespace {

using support::WaitingRequest;
using Waiters = std::vector<Waiter*>;

class JournalWaiters : public JournalContract {
 protected:
  void Open(JournalShape shape = {}) {
    shape.events_max = 100'000;
    shape.bytes_max = 64 << 20;
    shape.lanes = 1;
    JournalContract::Open(shape);
    settler_ = std::make_unique<support::EventSettler>(*journal_);
  }

  std::unique_ptr<WaitingRequest> NewRequest() { return std::make_unique<WaitingRequest>(*journal_, queue_); }

  // A request at level broker that also waits for earlier events.
  Appended Append(size_t events, Waiter& waiter, const std::vector<uint64_t>& earlier = {},
                  ClientNumber client = 0) {
    EventBatch batch;
    batch.Clear(client);
    for (size_t i = 0; i < events; ++i) Add(batch, "e", "k");
    Deduplication dedup;
    dedup.awaited = earlier;
    return journal_->Append({.batch = batch, .dedup = &dedup, .ack = AckLevel::kBroker, .waiter = &waiter},
                            now_);
  }

  Waiters Completed() { return support::TakeCompleted(*queue_); }

  std::atomic<int> wakes_of_queue_{0};
  const std::shared_ptr<CompletionQueue> queue_ =
      std::make_shared<CompletionQueue>([this] { ++wakes_of_queue_; });
  std::unique_ptr<support::EventSettler> settler_;
};

INSTANTIATE_TEST_SUITE_P(Adapters, JournalWaiters, ::testing::ValuesIn(JournalMakers()),
                         [](const auto& maker) { return maker.param.name; });

TEST_P(JournalWaiters, ARequestIsCompletedWithTheLastOfItsEvents) {
  Open();
  const auto request = NewRequest();
  ASSERT_EQ(Append(3, *request).end, 3U);
  EXPECT_TRUE(request->Waits());
  settler_->Deliver({2});
  settler_->Deliver({0});
  EXPECT_EQ(Completed(), Waiters{});
  EXPECT_EQ(wakes_of_queue_, 0);
  settler_->Settle({support::EventSettler::DeadLettered(1)});
  EXPECT_EQ(wakes_of_queue_, 1);
  EXPECT_EQ(Completed(), Waiters{request.get()});
  EXPECT_FALSE(request->Waits());
  EXPECT_FALSE(request->StorageFailed());
  ASSERT_EQ(request->Results().size(), 3U);
  EXPECT_EQ(request->Results()[0].offset, 100);
  EXPECT_EQ(request->Results()[0].topic, "events");
  EXPECT_EQ(request->Results()[1].code, "message_too_large");
  EXPECT_EQ(request->Results()[2].offset, 102);
  EXPECT_EQ(request->Results()[2].partition, 3);
}

TEST_P(JournalWaiters, EventsThatAreSettledTogetherHaveOffsetsThatFollowOneAnother) {
  Open();
  const auto request = NewRequest();
  const auto other = NewRequest();
  Append(2, *request);
  Append(1, *other);
  std::vector<uint64_t> positions;
  std::vector<EventRun> runs;
  for (const TakenEvent& event : Take(0)) {
    positions.push_back(event.position);
    ei::AppendRun(runs, RunOf(event));
  }
  journal_->Settle({positions, runs, {{}, "events", 7, 41}});
  EXPECT_EQ(Completed(), (Waiters{request.get(), other.get()}));
  EXPECT_EQ(request->Results()[0].offset, 41);
  EXPECT_EQ(request->Results()[1].offset, 42);
  EXPECT_EQ(other->Results()[0].offset, 43);
}

TEST_P(JournalWaiters, AWaiterIsNotifiedOnceItsEventsHaveLeftTheJournal) {
  Open();
  uint64_t left = 99;
  const auto queue = std::make_shared<CompletionQueue>([&] { left = journal_->Stats().events; });
  WaitingRequest request(*journal_, queue);
  Append(1, request);
  settler_->Deliver({0});
  EXPECT_EQ(left, 0U);
}

TEST_P(JournalWaiters, ManyThatAreCompletedTogetherAreOneWake) {
  Open();
  std::vector<std::unique_ptr<WaitingRequest>> requests;
  for (uint64_t i = 0; i < 300; ++i) {
    requests.push_back(NewRequest());
    ASSERT_EQ(Append(1, *requests.back()).end, i + 1);
  }
  Settle(Take(0));
  EXPECT_EQ(wakes_of_queue_, 1);
  EXPECT_EQ(Completed().size(), 300U);
}

TEST_P(JournalWaiters, UncollectedCompletionsNeedNoSecondWake) {
  Open();
  const auto first = NewRequest();
  const auto second = NewRequest();
  Append(1, *first);
  Append(1, *second);
  settler_->Deliver({0});
  settler_->Deliver({1});
  EXPECT_EQ(wakes_of_queue_, 1);
  EXPECT_EQ(Completed(), (Waiters{first.get(), second.get()}));
}

TEST_P(JournalWaiters, EventsWithoutAWaiterAreSkipped) {
  Open();
  EventBatch others;
  for (int i = 0; i < 5; ++i) Add(others, "o", "k");
  ASSERT_EQ(journal_->Append(others, now_).end, 5U);
  const auto first = NewRequest();
  ASSERT_EQ(Append(1, *first).end, 6U);
  ASSERT_EQ(journal_->Append(others, now_).end, 11U);
  const auto second = NewRequest();
  ASSERT_EQ(Append(1, *second).end, 12U);
  settler_->Deliver({0, 4, 6, 10, 11, 7, 5, 1});
  EXPECT_EQ(Completed(), (Waiters{second.get(), first.get()}));
}

TEST_P(JournalWaiters, AtLevelWalItWaitsUntilItsEventsAreDurable) {
  Open();
  if (!GetParam().survives) return;  // this level is rejected before
  const auto request = NewRequest();
  EventBatch batch;
  Add(batch, "e", "k");
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(journal_->Append({.batch = batch, .ack = AckLevel::kWal, .waiter = request.get()}, now_),
              AppendResult::kAppended);
    EXPECT_EQ(Completed(), Waiters{request.get()});
    EXPECT_EQ(wakes_of_queue_, i + 1);
    EXPECT_FALSE(request->StorageFailed());
  }
}

TEST_P(JournalWaiters, EarlierEventsAreAwaitedBehindItsOwn) {
  Open();
  EventBatch others;
  for (int i = 0; i < 5; ++i) Add(others, "o", "k");
  ASSERT_EQ(journal_->Append(others, now_).end, 5U);
  const auto request = NewRequest();
  ASSERT_EQ(Append(2, *request, {4, 1, 4}).end, 7U);
  settler_->Deliver({6, 5, 0, 1, 2});
  EXPECT_EQ(Completed(), Waiters{});
  settler_->Deliver({4});
  EXPECT_EQ(Completed(), Waiters{request.get()});
  std::vector<int64_t> offsets;
  for (const DeliveryResult& result : request->Results()) offsets.push_back(result.offset);
  EXPECT_EQ(offsets, (std::vector<int64_t>{105, 106, 104, 101, 104}));
}

TEST_P(JournalWaiters, ARequestMayAwaitNothingButEarlierEvents) {
  Open();
  const auto first = NewRequest();
  const auto again = NewRequest();
  ASSERT_EQ(Append(2, *first).end, 2U);
  ASSERT_EQ(Append(0, *again, {1}), AppendResult::kAppended);
  EXPECT_TRUE(again->Waits());
  settler_->Deliver({1});
  EXPECT_EQ(Completed(), Waiters{again.get()});
  settler_->Deliver({0});
  EXPECT_EQ(Completed(), Waiters{first.get()});
}

TEST_P(JournalWaiters, ARequestThatAwaitsNothingDoesNotWait) {
  Open();
  const auto request = NewRequest();
  EXPECT_EQ(Append(0, *request), AppendResult::kAppended);
  EXPECT_FALSE(request->Waits());
}

TEST_P(JournalWaiters, ACancelledRequestAwaitsNoEarlierEventsEither) {
  Open({.awaited_events_max = 4});
  const auto others = NewRequest();
  Append(2, *others);
  others->Cancel();
  const auto kept = NewRequest();
  {
    const auto gone = NewRequest();
    Append(1, *gone, {0, 1});
    Append(0, *kept, {0});
    EXPECT_TRUE(journal_->TooManyAwaited());
    settler_->Deliver({1});
  }
  EXPECT_FALSE(journal_->TooManyAwaited());
  settler_->Deliver({0, 2});
  EXPECT_EQ(Completed(), Waiters{kept.get()});
}

TEST_P(JournalWaiters, ACancelledRequestIsForgotten) {
  Open();
  const auto kept = NewRequest();
  {
    const auto gone = NewRequest();
    Append(2, *gone);
    Append(1, *kept);
    settler_->Deliver({0});
  }
  settler_->Deliver({1, 2});
  EXPECT_EQ(Completed(), Waiters{kept.get()});
}

TEST_P(JournalWaiters, ACompletedRequestCanStillBeCancelled) {
  Open();
  const auto request = NewRequest();
  const auto other = NewRequest();
  const auto last = NewRequest();
  for (const auto& one : {request.get(), other.get(), last.get()}) Append(1, *one);
  settler_->Deliver({0, 1, 2});
  request->Cancel();
  EXPECT_EQ(queue_->Next(), other.get());
  last->Cancel();
  EXPECT_EQ(Completed(), Waiters{});
}

TEST_P(JournalWaiters, ARequestThatTheJournalRefusesWaitsForNothing) {
  Open();
  journal_->Close();
  const auto request = NewRequest();
  EXPECT_EQ(Append(1, *request), AppendResult::kClosed);
  EXPECT_FALSE(request->Waits());
}

TEST_P(JournalWaiters, TooManyEventsThatAreWaitedForAreRefusedUntilSomeAreDone) {
  Open({.awaited_events_max = 1'000});
  const auto first = NewRequest();
  const auto second = NewRequest();
  ASSERT_EQ(Append(999, *first), AppendResult::kAppended);
  EXPECT_FALSE(journal_->TooManyAwaited());
  EXPECT_EQ(Append(2, *second), AppendResult::kFull);
  EXPECT_FALSE(second->Waits());
  EXPECT_EQ(journal_->Stats().events, 999U) << "nothing of it was appended";
  ASSERT_EQ(Append(1, *second), AppendResult::kAppended);
  EXPECT_TRUE(journal_->TooManyAwaited());
  first->Cancel();
  EXPECT_FALSE(journal_->TooManyAwaited());
  ASSERT_EQ(Append(5, *first), AppendResult::kAppended);
}

TEST_P(JournalWaiters, ALargeRequestIsAcceptedWhenNoOtherRequestWaits) {
  Open({.awaited_events_max = 1'000});
  const auto request = NewRequest();
  EXPECT_EQ(Append(2'000, *request), AppendResult::kAppended);
}

TEST_P(JournalWaiters, AClosedQueueIsNotWoken) {
  Open();
  const auto request = NewRequest();
  Append(1, *request);
  queue_->Close();
  settler_->Deliver({0});
  EXPECT_EQ(wakes_of_queue_, 0);
}

// Random order of appending, settling and cancelling, compared with the expected results.
TEST_P(JournalWaiters, EachRequestIsCompletedOnceWhateverTheOrder) {
  Open();
  support::Random random(7);
  struct Waiting {
    std::unique_ptr<WaitingRequest> request;
    std::vector<uint64_t> left;
  };
  std::vector<Waiting> open;
  std::vector<uint64_t> nobodys;
  uint64_t completed = 0;
  for (int step = 0; step < 4'000; ++step) {
    const uint64_t choice = random.Below(10);
    if (choice < 4 && open.size() < 150) {
      Waiting& added = open.emplace_back(NewRequest(), std::vector<uint64_t>());
      const size_t count = random.Between(1, 5);
      const Appended appended = Append(count, *added.request);
      ASSERT_EQ(appended, AppendResult::kAppended);
      for (uint64_t p = appended.end - count; p < appended.end; ++p) added.left.push_back(p);
    } else if (choice < 9 && !open.empty()) {
      Waiting& one = open[random.Below(open.size())];
      const size_t at = random.Below(one.left.size());
      std::vector<uint64_t> told = {one.left[at]};
      if (!nobodys.empty() && random.OneIn(2)) {
        told.push_back(nobodys.back());
        nobodys.pop_back();
      }
      settler_->Deliver(told);
      one.left.erase(one.left.begin() + static_cast<std::ptrdiff_t>(at));
      const Waiters taken = Completed();
      ASSERT_EQ(taken.size(), one.left.empty() ? 1U : 0U);
      if (!one.left.empty()) continue;
      ASSERT_EQ(taken.front(), one.request.get());
      ++completed;
      std::swap(one, open.back());
      open.pop_back();
    } else if (!open.empty() && random.OneIn(4)) {
      std::swap(open[random.Below(open.size())], open.back());
      nobodys.insert(nobodys.end(), open.back().left.begin(), open.back().left.end());
      open.pop_back();
    }
  }
  EXPECT_GT(completed, 200U);
}

// Many requests wait for one event and end. The cost of each depends only on what it waits for itself.
TEST_P(JournalWaiters, CancellingCostsWhatTheRequestWaitsFor) {
  constexpr size_t kRequests = 20;
  constexpr size_t kRepeats = 20'000;
  Open({.awaited_events_max = kRequests * kRepeats + 1});
  const auto first = NewRequest();
  ASSERT_EQ(Append(1, *first), AppendResult::kAppended);
  std::vector<std::unique_ptr<WaitingRequest>> requests;
  for (size_t i = 0; i < kRequests; ++i) {
    requests.push_back(NewRequest());
    ASSERT_EQ(Append(0, *requests.back(), std::vector<uint64_t>(kRepeats, 0)), AppendResult::kAppended);
  }
  // If each cancellation searched all waiters, this would take an hour.
  while (requests.size() > 1) requests.pop_back();
  settler_->Deliver({0});
  EXPECT_EQ(Completed(), (Waiters{requests.front().get(), first.get()}));
  EXPECT_EQ(requests.front()->Results().back().offset, 100);
}

TEST_P(JournalWaiters, OneThatIsCancelledWhenPartOfItWasSettledLeavesTheOthers) {
  Open();
  const auto first = NewRequest();
  ASSERT_EQ(Append(2, *first).end, 2U);
  const auto stays = NewRequest();
  ASSERT_EQ(Append(0, *stays, {0, 1, 0}), AppendResult::kAppended);
  {
    const auto gone = NewRequest();
    ASSERT_EQ(Append(0, *gone, {1, 0, 1}), AppendResult::kAppended);
    settler_->Deliver({0});
  }
  settler_->Deliver({1});
  EXPECT_EQ(Completed(), (Waiters{stays.get(), first.get()}));
}

TEST_P(JournalWaiters, TheLastEighthOfAwaitedEventsIsForClientsThatAwaitFew) {
  ClientShares::Options options;
  options.capacities[static_cast<size_t>(Shared::kAwaitedEvents)] = 80;
  ClientShares shares(options);
  Open({.shares = &shares, .awaited_events_max = 80});
  std::vector<ClientShares::ClientHandle> clients;
  for (const std::string_view name : {"flood", "small"}) {
    clients.push_back(shares.Enter(name, {}));
    shares.NoteSender(clients.back().Client(), {});
  }
  {
    const auto own = NewRequest();
    const auto repeats = NewRequest();
    const auto refused = NewRequest();
    const ClientNumber flood = clients[0].Client();
    ASSERT_EQ(Append(40, *own, {}, flood), AppendResult::kAppended);
    ASSERT_EQ(Append(0, *repeats, std::vector<uint64_t>(30, 0), flood), AppendResult::kAppended);
    EXPECT_EQ(Append(1, *refused, {}, flood), AppendResult::kOverShare);
    EXPECT_EQ(Append(0, *refused, {0}, flood), AppendResult::kOverShare);
    EXPECT_EQ(Append(9, *refused, {0}, clients[1].Client()), AppendResult::kAppended);
  }
  EXPECT_EQ(shares.Held(clients[0].Client(), Shared::kAwaitedEvents), 0U);
  EXPECT_EQ(shares.Held(clients[1].Client(), Shared::kAwaitedEvents), 0U);
}

// Event loops append, wait and sometimes give up while another thread reports results as early as it can.
TEST_P(JournalWaiters, NoCompletionIsLostBetweenThreads) {
  constexpr size_t kLoops = 3;
  constexpr int kRequests = 1'000;
  std::atomic<uint32_t> filled{0};
  OpenThreaded({.events_max = 100'000, .bytes_max = 64 << 20, .lanes = 1}, [&](size_t) {
    ++filled;
    filled.notify_one();
  });
  std::atomic<bool> stop{false};
  std::thread sink([&] {
    while (!stop) {
      const uint32_t seen = filled;
      const auto events = support::Take(*journal_, 0, 64);
      if (!events.empty()) {
        support::Settle(*journal_, events);
      } else if (!stop) {
        filled.wait(seen);
      }
    }
  });
  std::vector<std::thread> loops;
  std::atomic<uint64_t> completed{0};
  std::atomic<uint64_t> cancelled{0};
  for (size_t l = 0; l < kLoops; ++l) {
    loops.emplace_back([&, l] {
      support::Random random(l);
      std::atomic<bool> woken{false};
      const auto queue = std::make_shared<CompletionQueue>([&] {
        woken = true;
        woken.notify_one();
      });
      for (int i = 0; i < kRequests; ++i) {
        WaitingRequest request(*journal_, queue);
        EventBatch batch;
        for (uint64_t n = random.Between(1, 4); n > 0; --n) Add(batch, "e", "k");
        const AckLevel ack = GetParam().survives && random.OneIn(2) ? AckLevel::kWal : AckLevel::kBroker;
        ASSERT_EQ(journal_->Append({.batch = batch, .ack = ack, .waiter = &request}, now_),
                  AppendResult::kAppended);
        if (random.OneIn(8)) {
          ++cancelled;
          continue;
        }
        Waiter* taken = nullptr;
        while (taken == nullptr) {
          woken.wait(false);
          woken = false;
          queue->Collect();
          taken = queue->Next();
        }
        EXPECT_EQ(taken, &request);
        EXPECT_FALSE(request.Waits());
        ++completed;
      }
      queue->Close();
    });
  }
  for (std::thread& loop : loops) loop.join();
  stop = true;
  ++filled;
  filled.notify_one();
  sink.join();
  EXPECT_EQ(completed + cancelled, kLoops * kRequests);
}

}  // namespace
}  // namespace ei::contract
