#include "app/receipts.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "adapters/memory_journal/memory_journal.h"
#include "support/events.h"
#include "support/random.h"
#include "support/taken_events.h"

namespace ei::app {
namespace {

class WaitingRequest final : public Receipt {
 public:
  using Receipt::Receipt;
};

class ReceiptsTest : public ::testing::Test {
 protected:
  ReceiptsTest() {
    journal_.OnLaneFilled([](size_t) {});
    inbox_ = receipts_.AddInbox([this] { ++wakes_; });
  }

  Appended Append(size_t events, Receipt& receipt) {
    domain::EventBatch batch;
    for (size_t i = 0; i < events; ++i) support::AddRawEvent(batch, "e", "k", 0);
    return receipts_.Append(journal_, batch, {}, {}, receipt);
  }

  // Of a request that awaits events of earlier ones too.
  Appended Append(size_t events, const std::vector<uint64_t>& earlier, Receipt& receipt) {
    domain::EventBatch batch;
    for (size_t i = 0; i < events; ++i) support::AddRawEvent(batch, "e", "k", 0);
    return receipts_.Append(journal_, batch, earlier, {}, receipt);
  }

  // The event was delivered; its offset is its position.
  void Deliver(std::vector<uint64_t> positions) {
    std::vector<SettledEvent> settled;
    for (const uint64_t position : positions)
      settled.push_back({position, {{}, "events", 1, static_cast<int64_t>(position)}});
    receipts_.Tell(settled);
  }

  std::vector<Receipt*> Taken() {
    std::vector<Receipt*> finished;
    receipts_.Take(inbox_, finished);
    return finished;
  }

  memory_journal::MemoryJournal journal_{{.events_max = 100'000, .bytes_max = 64 << 20, .lanes = 1}};
  Receipts receipts_{1'000};
  std::atomic<int> wakes_{0};
  size_t inbox_ = 0;
};

using Requests = std::vector<Receipt*>;

TEST_F(ReceiptsTest, ARequestIsFinishedWithTheLastOfItsEvents) {
  WaitingRequest request(receipts_, inbox_);
  ASSERT_EQ(Append(3, request).end, 3U);
  EXPECT_TRUE(receipts_.Awaited());
  Deliver({2});
  Deliver({0});
  EXPECT_EQ(Taken(), Requests{});
  EXPECT_EQ(wakes_, 0);
  receipts_.Tell(std::vector<SettledEvent>{{1, {"message_too_large", {}, -1, -1}}});
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(Taken(), Requests{&request});
  EXPECT_FALSE(receipts_.Awaited());
  ASSERT_EQ(request.Fates().size(), 3U);
  EXPECT_EQ(request.Fates()[0].offset, 0);
  EXPECT_EQ(request.Fates()[0].topic, "events");
  EXPECT_EQ(request.Fates()[1].code, "message_too_large");
  EXPECT_EQ(request.Fates()[2].offset, 2);
  EXPECT_EQ(request.Fates()[2].partition, 1);
}

TEST_F(ReceiptsTest, ManyThatFinishTogetherAreOneWake) {
  std::vector<std::unique_ptr<WaitingRequest>> requests;
  std::vector<uint64_t> positions;
  for (uint64_t i = 0; i < 300; ++i) {
    requests.push_back(std::make_unique<WaitingRequest>(receipts_, inbox_));
    ASSERT_EQ(Append(1, *requests.back()).end, i + 1);
    positions.push_back(i);
  }
  Deliver(positions);
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(Taken().size(), 300U);
}

TEST_F(ReceiptsTest, WhatIsNotTakenYetNeedsNoSecondWake) {
  WaitingRequest first(receipts_, inbox_);
  WaitingRequest second(receipts_, inbox_);
  Append(1, first);
  Append(1, second);
  Deliver({0});
  Deliver({1});
  EXPECT_EQ(wakes_, 1);
  EXPECT_EQ(Taken(), (Requests{&first, &second}));
}

TEST_F(ReceiptsTest, EventsThatNobodyWaitsForArePassedOver) {
  domain::EventBatch others;
  for (int i = 0; i < 5; ++i) support::AddRawEvent(others, "o", "k", 0);
  ASSERT_EQ(journal_.Append(others, {}).end, 5U);
  WaitingRequest first(receipts_, inbox_);
  ASSERT_EQ(Append(1, first).end, 6U);
  ASSERT_EQ(journal_.Append(others, {}).end, 11U);
  WaitingRequest second(receipts_, inbox_);
  ASSERT_EQ(Append(1, second).end, 12U);
  Deliver({0, 4, 6, 10, 11, 7, 99, 5, 1});
  EXPECT_EQ(Taken(), (Requests{&second, &first}));
}

TEST_F(ReceiptsTest, EarlierEventsAreAwaitedBehindItsOwn) {
  domain::EventBatch others;
  for (int i = 0; i < 5; ++i) support::AddRawEvent(others, "o", "k", 0);
  ASSERT_EQ(journal_.Append(others, {}).end, 5U);
  WaitingRequest request(receipts_, inbox_);
  ASSERT_EQ(Append(2, {4, 1, 4}, request).end, 7U);
  Deliver({6, 5, 0, 1, 2});
  EXPECT_EQ(Taken(), Requests{});
  Deliver({4});
  EXPECT_EQ(Taken(), Requests{&request});
  std::vector<int64_t> offsets;
  for (const EventFate& fate : request.Fates()) offsets.push_back(fate.offset);
  EXPECT_EQ(offsets, (std::vector<int64_t>{5, 6, 4, 1, 4}));
  EXPECT_FALSE(receipts_.Awaited());
}

TEST_F(ReceiptsTest, ARequestMayAwaitNothingButEarlierEvents) {
  WaitingRequest first(receipts_, inbox_);
  WaitingRequest again(receipts_, inbox_);
  ASSERT_EQ(Append(2, first).end, 2U);
  ASSERT_EQ(Append(0, {1}, again), AppendResult::kAppended);
  EXPECT_TRUE(again.Entered());
  Deliver({1});
  EXPECT_EQ(Taken(), Requests{&again});
  EXPECT_TRUE(receipts_.Awaited());
  Deliver({0});
  EXPECT_EQ(Taken(), Requests{&first});
  EXPECT_FALSE(receipts_.Awaited());
}

TEST_F(ReceiptsTest, ARequestThatAwaitsNothingIsNotEntered) {
  WaitingRequest request(receipts_, inbox_);
  EXPECT_EQ(Append(0, {}, request), AppendResult::kAppended);
  EXPECT_FALSE(request.Entered());
  EXPECT_FALSE(receipts_.Awaited());
}

TEST_F(ReceiptsTest, ACancelledRequestAwaitsNoEarlierEventsEither) {
  WaitingRequest kept(receipts_, inbox_);
  {
    WaitingRequest gone(receipts_, inbox_);
    Append(1, {7, 8}, gone);
    Append(0, {7}, kept);
    Deliver({8});
  }
  Deliver({0, 7, 8});
  EXPECT_EQ(Taken(), Requests{&kept});
  EXPECT_FALSE(receipts_.Awaited());
  EXPECT_FALSE(receipts_.Full());
}

TEST_F(ReceiptsTest, ACancelledRequestIsForgotten) {
  WaitingRequest kept(receipts_, inbox_);
  {
    WaitingRequest gone(receipts_, inbox_);
    Append(2, gone);
    Append(1, kept);
    Deliver({0});
  }
  Deliver({1, 2});
  EXPECT_EQ(Taken(), Requests{&kept});
}

TEST_F(ReceiptsTest, AFinishedRequestCanStillBeCancelled) {
  WaitingRequest request(receipts_, inbox_);
  WaitingRequest other(receipts_, inbox_);
  Append(1, request);
  Append(1, other);
  Deliver({0, 1});
  request.Cancel();
  EXPECT_EQ(Taken(), Requests{&other});
}

TEST_F(ReceiptsTest, ARequestThatTheJournalRefusesWaitsForNothing) {
  journal_.Close();
  WaitingRequest request(receipts_, inbox_);
  EXPECT_EQ(Append(1, request), AppendResult::kClosed);
  EXPECT_FALSE(receipts_.Awaited());
  Deliver({0});
  EXPECT_EQ(Taken(), Requests{});
}

TEST_F(ReceiptsTest, TooManyEventsThatAreWaitedForAreRefusedUntilSomeAreDone) {
  WaitingRequest first(receipts_, inbox_);
  WaitingRequest second(receipts_, inbox_);
  ASSERT_EQ(Append(999, first), AppendResult::kAppended);
  EXPECT_FALSE(receipts_.Full());
  EXPECT_EQ(Append(2, second), AppendResult::kFull);
  EXPECT_EQ(journal_.Stats().events, 999U) << "nothing of it was appended";
  ASSERT_EQ(Append(1, second), AppendResult::kAppended);
  EXPECT_TRUE(receipts_.Full());
  first.Cancel();
  EXPECT_FALSE(receipts_.Full());
  ASSERT_EQ(Append(5, first), AppendResult::kAppended);
}

TEST_F(ReceiptsTest, ALargeRequestIsTakenWhenNobodyElseWaits) {
  WaitingRequest request(receipts_, inbox_);
  EXPECT_EQ(Append(2'000, request), AppendResult::kAppended);
}

TEST_F(ReceiptsTest, ARemovedInboxIsNotWoken) {
  WaitingRequest request(receipts_, inbox_);
  Append(1, request);
  receipts_.RemoveInbox(inbox_);
  Deliver({0});
  EXPECT_EQ(wakes_, 0);
}

// Any order of entering, settling and cancelling, against what must come of it.
TEST_F(ReceiptsTest, EachRequestFinishesOnceWhateverTheOrder) {
  support::Random random(7);
  struct Open {
    std::unique_ptr<WaitingRequest> request;
    std::vector<uint64_t> left;
  };
  std::vector<Open> open;
  std::vector<uint64_t> nobodys;
  uint64_t finished = 0;
  for (int step = 0; step < 20'000; ++step) {
    const uint64_t choice = random.Below(10);
    if (choice < 4 && open.size() < 150) {
      Open& added =
          open.emplace_back(std::make_unique<WaitingRequest>(receipts_, inbox_), std::vector<uint64_t>());
      const size_t count = random.Between(1, 5);
      const Appended appended = Append(count, *added.request);
      ASSERT_EQ(appended, AppendResult::kAppended);
      for (uint64_t p = appended.end - count; p < appended.end; ++p) added.left.push_back(p);
      support::Settle(journal_, support::Take(journal_, 0));  // the journal plays no part here
    } else if (choice < 9 && !open.empty()) {
      Open& one = open[random.Below(open.size())];
      const size_t at = random.Below(one.left.size());
      std::vector<uint64_t> told = {one.left[at]};
      if (!nobodys.empty() && random.OneIn(2)) {
        told.push_back(nobodys.back());
        nobodys.pop_back();
      }
      Deliver(told);
      one.left.erase(one.left.begin() + static_cast<std::ptrdiff_t>(at));
      const Requests taken = Taken();
      ASSERT_EQ(taken.size(), one.left.empty() ? 1U : 0U);
      if (!one.left.empty()) continue;
      ASSERT_EQ(taken.front(), one.request.get());
      ++finished;
      std::swap(one, open.back());
      open.pop_back();
    } else if (!open.empty() && random.OneIn(4)) {
      std::swap(open[random.Below(open.size())], open.back());
      nobodys.insert(nobodys.end(), open.back().left.begin(), open.back().left.end());
      open.pop_back();
    }
  }
  EXPECT_GT(finished, 1'000U);
  open.clear();
  EXPECT_FALSE(receipts_.Awaited());
}

// Loops append, wait and sometimes give up while reports come from another thread, as early as they can.
TEST_F(ReceiptsTest, NoReportIsLostBetweenThreads) {
  constexpr size_t kLoops = 3;
  constexpr int kRequests = 3'000;
  std::atomic<size_t> running{kLoops};
  std::thread reporter([&] {
    while (running > 0 || journal_.Stats().events > 0) {
      const auto events = support::Take(journal_, 0, 64);
      if (events.empty()) {
        std::this_thread::yield();
        continue;
      }
      std::vector<uint64_t> positions;
      for (const support::TakenEvent& event : events) positions.push_back(event.position);
      const bool awaited = receipts_.Awaited();
      support::Settle(journal_, events);
      if (awaited) Deliver(positions);
    }
  });
  std::vector<std::thread> loops;
  std::atomic<uint64_t> finished{0};
  std::atomic<uint64_t> cancelled{0};
  for (size_t l = 0; l < kLoops; ++l) {
    loops.emplace_back([&, l] {
      support::Random random(l);
      std::atomic<bool> woken{false};
      const size_t inbox = receipts_.AddInbox([&] {
        woken = true;
        woken.notify_one();
      });
      std::vector<Receipt*> taken;
      for (int i = 0; i < kRequests; ++i) {
        WaitingRequest request(receipts_, inbox);
        while (!(Append(random.Between(1, 4), request) == AppendResult::kAppended)) std::this_thread::yield();
        if (random.OneIn(8)) {
          ++cancelled;
          continue;
        }
        do {
          woken.wait(false);
          woken = false;
          receipts_.Take(inbox, taken);
        } while (taken.empty());
        EXPECT_EQ(taken, Requests{&request});
        for (const EventFate& fate : request.Fates()) EXPECT_GE(fate.offset, 0);
        ++finished;
      }
      receipts_.RemoveInbox(inbox);
      --running;
    });
  }
  for (std::thread& loop : loops) loop.join();
  reporter.join();
  EXPECT_EQ(finished + cancelled, kLoops * kRequests);
  EXPECT_FALSE(receipts_.Awaited());
}

// Many requests that wait for one event and end: each costs what it waits for itself.
TEST_F(ReceiptsTest, CancellingCostsWhatTheRequestWaitsFor) {
  constexpr size_t kRequests = 20;
  constexpr size_t kRepeats = 20'000;
  Receipts receipts(kRequests * kRepeats + 1);
  const size_t inbox = receipts.AddInbox([] {});
  WaitingRequest first(receipts, inbox);
  domain::EventBatch batch;
  support::AddRawEvent(batch, "e", "k", 0);
  ASSERT_EQ(receipts.Append(journal_, batch, {}, {}, first), AppendResult::kAppended);
  const std::vector<uint64_t> repeats(kRepeats, 0);
  std::vector<std::unique_ptr<WaitingRequest>> requests;
  for (size_t i = 0; i < kRequests; ++i) {
    requests.push_back(std::make_unique<WaitingRequest>(receipts, inbox));
    ASSERT_EQ(receipts.Append(journal_, {}, repeats, {}, *requests.back()), AppendResult::kAppended);
  }
  while (requests.size() > 1)
    requests.pop_back();  // if each looked at all that wait, this would take an hour
  receipts.Tell(std::vector<SettledEvent>{{0, {{}, "events", 1, 7}}});
  std::vector<Receipt*> finished;
  receipts.Take(inbox, finished);
  EXPECT_EQ(finished, (Requests{requests.front().get(), &first}));
  EXPECT_EQ(requests.front()->Fates().back().offset, 7);
  EXPECT_FALSE(receipts.Awaited());
}

TEST_F(ReceiptsTest, OneThatIsCancelledWhenPartOfItWasToldLeavesTheOthers) {
  WaitingRequest first(receipts_, inbox_);
  ASSERT_EQ(Append(2, first).end, 2U);
  WaitingRequest stays(receipts_, inbox_);
  ASSERT_EQ(Append(0, {0, 1, 0}, stays), AppendResult::kAppended);
  {
    WaitingRequest gone(receipts_, inbox_);
    ASSERT_EQ(Append(0, {1, 0, 1}, gone), AppendResult::kAppended);
    Deliver({0});
  }
  Deliver({1});
  EXPECT_EQ(Taken(), (Requests{&stays, &first}));
}

TEST_F(ReceiptsTest, FinishedOnesThatAreCancelledAreNotTaken) {
  WaitingRequest first(receipts_, inbox_);
  WaitingRequest last(receipts_, inbox_);
  {
    WaitingRequest gone(receipts_, inbox_);
    ASSERT_EQ(Append(1, first).end, 1U);
    ASSERT_EQ(Append(1, gone).end, 2U);
    ASSERT_EQ(Append(1, last).end, 3U);
    Deliver({0, 1, 2});
  }
  EXPECT_EQ(Taken(), (Requests{&first, &last}));
}

TEST_F(ReceiptsTest, TheLastEighthOfWhatMayBeAwaitedIsForThoseWhoAwaitLittle) {
  ClientShares::Options options;
  options.capacities[static_cast<size_t>(Shared::kAwaitedEvents)] = 80;
  ClientShares shares(options);
  Receipts receipts(80, &shares);
  const size_t inbox = receipts.AddInbox([] {});
  std::vector<ClientShares::Guest> clients;
  for (const std::string_view name : {"flood", "small"}) {
    clients.push_back(shares.Enter(name, {}));
    shares.NoteSender(clients.back().Client(), {});
  }
  const auto append = [&](const ClientShares::Guest& client, size_t events, std::vector<uint64_t> earlier,
                          Receipt& receipt) {
    domain::EventBatch batch;
    batch.Clear(client.Client());
    for (size_t i = 0; i < events; ++i) support::AddRawEvent(batch, "e", "k", 0);
    return receipts.Append(journal_, batch, earlier, {}, receipt).result;
  };
  {
    WaitingRequest own(receipts, inbox);
    WaitingRequest repeats(receipts, inbox);
    WaitingRequest refused(receipts, inbox);
    ASSERT_EQ(append(clients[0], 40, {}, own), AppendResult::kAppended);
    ASSERT_EQ(append(clients[0], 0, std::vector<uint64_t>(30, 0), repeats), AppendResult::kAppended);
    EXPECT_EQ(append(clients[0], 1, {}, refused), AppendResult::kOverShare);
    EXPECT_EQ(append(clients[0], 0, {0}, refused), AppendResult::kOverShare);
    EXPECT_EQ(append(clients[1], 9, {0}, refused), AppendResult::kAppended);
  }
  EXPECT_EQ(shares.Held(clients[0].Client(), Shared::kAwaitedEvents), 0U);
  EXPECT_EQ(shares.Held(clients[1].Client(), Shared::kAwaitedEvents), 0U);
}

}  // namespace
}  // namespace ei::app
