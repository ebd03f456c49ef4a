#include "adapters/file_sink/file_lane.h"

#include <map>
#include <semaphore>
#include <thread>

#include "adapters/file_sink/segment_tail.h"
#include "journal/event_runs.h"
#include "unit/adapters/file_sink/sink_fixture.h"
#include "unit/system/faulty_file_calls.h"

namespace ei::file_sink {
namespace {

using Call = system::FaultyFileCalls::Call;
using Strings = std::vector<std::string>;
using std::chrono::milliseconds;

class FileLaneTest : public FileSinkTest {
 protected:
  ~FileLaneTest() override { sink_.reset(); }  // before calls_

  void SetUp() override { ASSERT_TRUE(Open(calls_)); }

  // Writes of the added events fail until the lane waits for its back-off. Then nothing fails any more.
  void LetItWait() {
    calls_.FailAll(Call::kWrite, EIO);
    uint64_t writes = 0;
    do {
      RunLater();
      writes = calls_.Count(Call::kWrite);
      RunOnce();
    } while (calls_.Count(Call::kWrite) > writes);
    calls_.FailNothing();
  }

  // Returns the times of the next attempts to write; the lane runs once per millisecond.
  std::vector<base::SteadyTime> Tries(SinkLane& lane, size_t count) {
    std::vector<base::SteadyTime> tries;
    for (; tries.size() < count; clock_.Advance(milliseconds(1))) {
      const uint64_t writes = calls_.Count(Call::kWrite);
      lane.Run(base::SteadyTime::min());
      if (calls_.Count(Call::kWrite) > writes) tries.push_back(clock_.Now());
    }
    return tries;
  }

  // Records how many bytes each write has, from now on.
  std::vector<size_t>& WatchWrites() {
    calls_.takes = [this](size_t size) {
      writes_.push_back(size);
      return size;
    };
    return writes_;
  }

  system::FaultyFileCalls calls_;
  std::vector<size_t> writes_;
};

TEST_F(FileLaneTest, TheBackOffIsRandomUpToABoundThatDoubles) {
  calls_.FailAll(Call::kWrite, EIO);
  Add({"a"});
  const auto tries = Tries(Lane(), 30);
  size_t short_ones = 0;
  size_t long_ones = 0;
  for (size_t n = 1; n < tries.size(); ++n) {
    const base::Duration bound =
        std::min<base::Duration>(milliseconds(100) * (1 << std::min<size_t>(n - 1, 10)), kBackoffMax);
    const base::Duration waited = tries[n] - tries[n - 1];
    EXPECT_LE(waited, bound + milliseconds(1)) << n;
    ++(waited > bound / 2 ? long_ones : short_ones);
  }
  EXPECT_GT(tries.back() - tries.front(), std::chrono::minutes(1));
  EXPECT_GT(short_ones, 5U);
  EXPECT_GT(long_ones, 5U);

  calls_.FailNothing();
  EXPECT_TRUE(DeliveredLater());
  calls_.FailNth(Call::kWrite, 1, EIO);
  EXPECT_FALSE(Delivered({"b"}));
  clock_.Advance(milliseconds(100));
  RunOnce();
  EXPECT_TRUE(AllDelivered()) << "after a success the back-off is the shortest again";
}

// After a disk has blocked before it failed, the write is not retried at once.
TEST_F(FileLaneTest, TheBackOffBeginsWithTheEndOfTheTry) {
  Add({"a"});
  LetItWait();
  calls_.fault = [this](Call call, uint64_t) {
    if (call != Call::kWrite) return 0;
    clock_.Advance(std::chrono::minutes(1));
    return EIO;
  };
  RunLater();
  const uint64_t writes = calls_.Count(Call::kWrite);
  RunOnce();
  EXPECT_EQ(calls_.Count(Call::kWrite), writes);
}

TEST_F(FileLaneTest, LanesDoNotTryAgainInStep) {
  lanes_ = 2;
  const auto tries_of = [this](size_t number) {
    EXPECT_TRUE(Open(calls_));
    calls_.FailAll(Call::kWrite, EIO);
    CollectingListener listener;
    sink_->Lane(number).Attach(listener, nullptr);
    sink_->Lane(number).Add(EventOf("a", 0));
    std::vector<base::Duration> waits;
    const auto tries = Tries(sink_->Lane(number), 10);
    for (size_t n = 1; n < tries.size(); ++n) waits.push_back(tries[n] - tries[n - 1]);
    calls_.FailNothing();
    return waits;
  };
  EXPECT_NE(tries_of(0), tries_of(1));
}

TEST_F(FileLaneTest, WhatIsAddedBehindEventsThatWaitKeepsItsPlace) {
  Add({"a", "b"});
  LetItWait();
  const uint64_t calls = calls_.Count();
  EXPECT_FALSE(Delivered({"c"}));
  EXPECT_FALSE(Delivered({"d", "e"}));
  EXPECT_EQ(calls_.Count(), calls);
  EXPECT_TRUE(DeliveredLater());
  EXPECT_EQ(Lines(), (Strings{"a", "b", "c", "d", "e"}));
}

TEST_F(FileLaneTest, ALaneThatWaitsHoldsUpNoOther) {
  lanes_ = 2;
  ASSERT_TRUE(Open(calls_));
  CollectingListener other;
  sink_->Lane(1).Attach(other, nullptr);
  Add({"a"});
  LetItWait();
  sink_->Lane(1).Add(EventOf("b", 17));
  sink_->Lane(1).Run(base::SteadyTime::min());
  EXPECT_EQ(other.positions, std::vector<uint64_t>{17});
  EXPECT_EQ(log_.Count("INFO events are stored again"), 1U);
  EXPECT_TRUE(listener_.positions.empty());
  EXPECT_TRUE(DeliveredLater());
  EXPECT_EQ(Lines(), (Strings{"b", "a"}));
}

// Three requests in one batch, of which any number of events are stored when the disk fails. Their sizes
// don't divide evenly.
TEST_F(FileLaneTest, RunsAreSplitWhereTheDiskFailed) {
  constexpr uint32_t kOfRequest[] = {5, 1, 4};
  segment_bytes_ = 2;  // one line
  for (size_t stored = 0; stored <= 10; ++stored) {
    SCOPED_TRACE(stored);
    std::filesystem::remove_all(folder_);
    ASSERT_TRUE(Open(calls_));
    const uint64_t retried = telemetry_.Read().retried;
    std::vector<EventRun> added;  // of each event
    std::map<base::SteadyTime, uint64_t> held;
    for (uint16_t request = 0; request < 3; ++request) {
      for (uint32_t i = 0; i < kOfRequest[request]; ++i) {
        JournalEvent event = EventOf("x", added_++);
        event.client = request;
        event.accepted_at = base::SteadyTime(std::chrono::seconds(request));
        event.held_bytes = 1001 + 13 * i;
        Lane().Add(event);
        added.push_back(RunOf(event));
        held[event.accepted_at] += event.held_bytes;
      }
    }
    calls_.FailNth(Call::kWrite, stored + 1, ENOSPC);
    RunOnce();
    EXPECT_EQ(listener_.positions.size(), stored);
    EXPECT_EQ(telemetry_.Read().retried - retried, 10 - stored);
    // Each completely stored request is one run with its size.
    size_t whole = 0;
    for (size_t events = 0; whole < 3 && events + kOfRequest[whole] <= stored; ++whole)
      events += kOfRequest[whole];
    ASSERT_GE(listener_.runs.size(), whole);
    for (size_t request = 0; request < whole; ++request) {
      EXPECT_EQ(listener_.runs[request].events, kOfRequest[request]);
      EXPECT_EQ(listener_.runs[request].held_bytes, held[listener_.runs[request].accepted_at]);
    }

    EXPECT_TRUE(DeliveredLater());
    EXPECT_EQ(Lines(), Strings(10, "x"));
    EXPECT_EQ(listener_.runs.size(), stored == 0 || stored == 5 || stored == 6 || stored == 10 ? 3U : 4U);
    RunReader runs(listener_.runs);
    for (const EventRun& event : added) {
      const EventRun run = runs.Next();
      EXPECT_EQ(run.client, event.client);
      EXPECT_EQ(run.accepted_at, event.accepted_at);
      held[run.accepted_at] -= run.held_bytes;
    }
    for (const auto& [accepted_at, left] : held) EXPECT_EQ(left, 0U);
  }
}

TEST_F(FileLaneTest, EventsAreWrittenTogetherUpToTheBoundOfABatch) {
  segment_bytes_ = 100 << 20;
  ASSERT_TRUE(Open(calls_));
  const auto& writes = WatchWrites();
  const std::string quarter(kBatchBytesMax / 4 - 1, 'x');  // with its line break
  EXPECT_TRUE(Delivered(Strings(4, quarter)));
  EXPECT_EQ(writes, (std::vector<size_t>{kBatchBytesMax}));
  EXPECT_EQ(listener_.calls, 1U);

  writes_.clear();
  EXPECT_TRUE(Delivered({quarter, quarter, quarter, quarter + 'x'}));
  EXPECT_EQ(writes, (std::vector<size_t>{kBatchBytesMax / 4 * 3, kBatchBytesMax / 4 + 1}));

  writes_.clear();
  EXPECT_TRUE(Delivered({"a", std::string(kBatchBytesMax, 'x'), "b", "c"}));
  EXPECT_EQ(writes, (std::vector<size_t>{2, kBatchBytesMax + 1, 4}));
}

TEST_F(FileLaneTest, BatchesBehindOneThatFailsWaitForIt) {
  segment_bytes_ = 100 << 20;
  ASSERT_TRUE(Open(calls_));
  Strings values;
  for (const char c : {'a', 'b', 'c'}) values.emplace_back(kBatchBytesMax / 4 * 3, c);
  calls_.FailNth(Call::kWrite, 2, EIO);
  const auto& writes = WatchWrites();
  EXPECT_FALSE(Delivered(values));
  EXPECT_EQ(writes.size(), 1U) << "no write is tried after the one that failed";
  EXPECT_EQ(listener_.positions.size(), 1U);
  EXPECT_EQ(telemetry_.Read().retried, 2U);
  values.emplace_back("d");
  Add({"d"});
  EXPECT_TRUE(DeliveredLater());
  EXPECT_TRUE(Lines() == values);
}

TEST_F(FileLaneTest, EventsAreInFlightWhileTheyAreWritten) {
  segment_bytes_ = kBatchBytesMax;
  ASSERT_TRUE(Open(calls_));
  std::vector<uint64_t> seen;
  calls_.fault = [&](Call call, uint64_t) {
    if (call == Call::kWrite) seen.push_back(Lane().InFlight());
    return call == Call::kWrite && seen.size() == 2 ? EIO : 0;
  };
  const std::string large(kBatchBytesMax - 1, 'x');
  Add({large, large, large});
  EXPECT_EQ(Lane().InFlight(), 0U);
  RunOnce();
  EXPECT_EQ(seen, (std::vector<uint64_t>{3, 2}));
  EXPECT_EQ(Lane().InFlight(), 0U) << "the events wait for the back-off";
  EXPECT_TRUE(DeliveredLater());
  EXPECT_EQ(seen, (std::vector<uint64_t>{3, 2, 2, 1}));
  EXPECT_EQ(Lane().InFlight(), 0U);
}

TEST_F(FileLaneTest, DeadLettersDoNotWaitForEventsThatFail) {
  calls_.FailNth(Call::kWrite, 1, EIO);
  AddDeadLetter(7, "{}");
  EXPECT_FALSE(Delivered({"a"}));
  EXPECT_EQ(listener_.dead_letters, std::vector<uint64_t>{7});
  EXPECT_EQ(telemetry_.Read().retried, 1U);
  EXPECT_TRUE(DeliveredLater());
  EXPECT_EQ(listener_.dead_letters.size(), 1U);
  EXPECT_EQ(StoredLines(folder_, "dead-letters-").size(), 1U);
}

TEST_F(FileLaneTest, DeadLettersThatFailAreWrittenLaterInTheirOrder) {
  calls_.FailNth(Call::kWrite, 3, EIO);
  for (const uint64_t token : {7, 8, 9}) AddDeadLetter(token, std::to_string(token));
  EXPECT_TRUE(Delivered({"a"}));
  EXPECT_EQ(listener_.dead_letters, std::vector<uint64_t>{7});
  EXPECT_EQ(telemetry_.Read().retried, 0U) << "no event was retried";
  AddDeadLetter(3, "3");
  RunLater();
  EXPECT_EQ(listener_.dead_letters, (std::vector<uint64_t>{7, 8, 9, 3}));
  const Strings dead_letters = StoredLines(folder_, "dead-letters-");
  ASSERT_EQ(dead_letters.size(), 4U);
  for (size_t i = 0; i < dead_letters.size(); ++i) {
    EXPECT_TRUE(dead_letters[i].ends_with("\"value\":" + std::to_string(listener_.dead_letters[i]) + "}"))
        << dead_letters[i];
  }
}

TEST_F(FileLaneTest, WakeEndsTheNextRunAndNoBackOff) {
  Add({"a"});
  LetItWait();
  const uint64_t calls = calls_.Count();
  for (int i = 0; i < 3; ++i) {
    Lane().Wake();
    Lane().Run(base::SteadyTime::max());
  }
  EXPECT_EQ(calls_.Count(), calls);
  Lane().Wake();
  clock_.Advance(kBackoffMax);
  Lane().Run(base::SteadyTime::max());
  EXPECT_TRUE(AllDelivered()) << "a woken Run does everything that needs no waiting";
}

// With the real clock, so that a Run really waits.
class WaitingFileLane : public FileLaneTest {
 protected:
  void OpenWith(base::Duration backoff) {
    sink_.reset();
    auto opened = FileSink::Open({.directory = folder_.string(), .retries = {backoff, backoff, 0}}, log_,
                                 real_clock_, telemetry_, calls_);
    ASSERT_TRUE(opened);
    sink_ = std::move(*opened);
    Lane().Attach(listener_, nullptr);
  }

  support::RealClock real_clock_;
};

TEST_F(WaitingFileLane, ARunRetriesUntilAllIsStoredAndItIsWoken) {
  OpenWith(milliseconds(5));
  calls_.fault = [this](Call call, uint64_t) {
    return call == Call::kWrite && calls_.Count(call) <= 5 ? EIO : 0;
  };
  listener_.on_delivered = [this] { Lane().Wake(); };
  Add({"a"});
  Lane().Run(base::SteadyTime::max());
  EXPECT_TRUE(AllDelivered());
  EXPECT_EQ(calls_.Count(Call::kWrite), 6U);
}

TEST_F(WaitingFileLane, ARunEndsAtItsTimeThoughEventsWait) {
  for (const base::Duration backoff :
       {base::Duration(milliseconds(1)), base::Duration(std::chrono::hours(1000))}) {
    OpenWith(backoff);
    calls_.FailAll(Call::kWrite, EIO);
    Lane().Add(EventOf("a", 0));
    const base::SteadyTime until = real_clock_.Now() + milliseconds(20);
    Lane().Run(until);
    EXPECT_GE(real_clock_.Now(), until);
    EXPECT_TRUE(listener_.positions.empty());
  }
}

TEST_F(WaitingFileLane, AWakeEndsOneRunOnly) {
  OpenWith(milliseconds(5));
  Lane().Wake();
  Lane().Wake();
  Lane().Run(base::SteadyTime::max());
  const base::SteadyTime until = real_clock_.Now() + milliseconds(20);
  Lane().Run(until);
  EXPECT_GE(real_clock_.Now(), until);
}

TEST_F(WaitingFileLane, WakeFromAnotherThreadEndsARunInABackOff) {
  OpenWith(std::chrono::hours(1000));
  std::binary_semaphore failed(0);
  calls_.fault = [&](Call call, uint64_t) {
    if (call != Call::kWrite) return 0;
    failed.release();
    return EIO;
  };
  Add({"a"});
  std::thread lane([this] { Lane().Run(base::SteadyTime::max()); });
  failed.acquire();
  for (int turn = 0; turn < 1000; ++turn) std::this_thread::yield();  // it waits by then, most likely
  Lane().Wake();
  lane.join();
  EXPECT_EQ(calls_.Count(Call::kWrite), 1U);
  EXPECT_TRUE(listener_.positions.empty());
}

}  // namespace
}  // namespace ei::file_sink
