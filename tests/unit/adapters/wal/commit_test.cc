// Commit: makes accepted events durable.

#include <gtest/gtest.h>

#include "support/sim_disk.h"
#include "support/waiting_request.h"
#include "support/wal_rig.h"

namespace ei::wal {
namespace {

using support::DiskCall;
using support::DiskFault;
using support::Numbered;
using support::SimDisk;
using Strings = std::vector<std::string>;

class CommitTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    rig_.Open(*(folder_ = disk_.Mount()));
    failures_reported_ = 0;
    rig_.Journal().OnFailed([this] { ++failures_reported_; });
  }
  void Crash() {
    disk_.Crash();
    Open();
  }
  uint64_t Syncs() const { return disk_.Counts().calls[static_cast<size_t>(DiskCall::kSync)]; }
  Work Commit() { return rig_.Journal().Commit(); }

  SimDisk disk_{1, {.tearing = support::Tearing::kGarbage}};
  std::unique_ptr<Directory> folder_;
  support::WalRig rig_{{.bytes_max = 256 << 10, .segment_bytes = 64 << 10, .window_bytes_max = 64 << 10}};
  int failures_reported_ = 0;  // calls of the OnFailed callback
};

TEST_F(CommitTest, NothingIsTakenOrDurableBeforeItsSync) {
  EXPECT_EQ(rig_.Append({"a"}).end, 1U);
  EXPECT_EQ(rig_.Journal().DurableEnd(), 0U);
  EXPECT_EQ(rig_.Take(), Strings{});
  EXPECT_EQ(rig_.Journal().Stats().events, 1U);
  EXPECT_EQ(Commit(), Work::kDone);
  EXPECT_EQ(rig_.Journal().DurableEnd(), 1U);
  EXPECT_EQ(rig_.Take(), Strings{"a"});
  EXPECT_EQ(Commit(), Work::kIdle);
}

TEST_F(CommitTest, ManyAppendsShareOneSync) {
  const uint64_t before = Syncs();
  for (uint64_t i = 0; i < 50; ++i) ASSERT_EQ(rig_.Append(Numbered(2 * i, 2)).end, 2 * i + 2);
  EXPECT_EQ(Commit(), Work::kDone);
  EXPECT_EQ(Syncs(), before + 1);
  EXPECT_EQ(rig_.Journal().DurableEnd(), 100U);
  EXPECT_EQ(rig_.Journal().Counts().commits, 1U);
  EXPECT_EQ(rig_.Take(), Numbered(0, 100));
}

TEST_F(CommitTest, RolesAreWokenOnlyWhenTheyWereIdle) {
  std::vector<WalJournal::Role> woken;
  rig_.Journal().OnWork([&](WalJournal::Role role) { woken.push_back(role); });
  Commit();
  rig_.Append({"a"});
  using Role = WalJournal::Role;
  EXPECT_EQ(woken, (std::vector{Role::kCommit, Role::kHousekeep})) << "a segment was begun";
  rig_.Append({"b"});
  EXPECT_EQ(woken.size(), 2U);
  Commit();
  Commit();
  rig_.Append({"c"});
  EXPECT_EQ(woken.size(), 3U);
  EXPECT_EQ(woken.back(), Role::kCommit);
}

TEST_F(CommitTest, CrashTearsOnlyUnacknowledgedCommits) {
  for (uint64_t round = 0; round < 60; ++round) {
    const uint64_t first = 1'000 * round;
    ASSERT_EQ(rig_.Append(Numbered(first, 5, 300)), AppendResult::kAppended);
    Commit();
    rig_.Append(Numbered(first + 5, 5, 700));
    disk_.FailNth(DiskCall::kSync, 1, DiskFault::kEio);
    EXPECT_EQ(Commit(), Work::kIdle);
    Crash();
    auto values = rig_.Drain();
    const Strings acknowledged = Numbered(first, 5, 300);
    ASSERT_GE(values.size(), 5U) << round;
    EXPECT_TRUE(std::equal(acknowledged.begin(), acknowledged.end(), values.begin()));
    if (values.size() > 5) {
      EXPECT_EQ(Strings(values.begin() + 5, values.end()), Numbered(first + 5, 5, 700)) << "all or none";
    }
    EXPECT_EQ(rig_.Journal().Counts().lost, 0U);
  }
}

TEST_F(CommitTest, FailedSyncEndsTheLog) {
  for (const auto fault : {DiskFault::kEio, DiskFault::kLost, DiskFault::kNoSpace}) {
    const uint64_t errors = rig_.Log().Count("ERROR");
    ASSERT_EQ(rig_.Append({"safe"}), AppendResult::kAppended);
    ASSERT_EQ(Commit(), Work::kDone);
    const uint64_t end = rig_.Journal().DurableEnd();
    failures_reported_ = 0;
    ASSERT_EQ(rig_.Append({"unlucky"}), AppendResult::kAppended);
    disk_.FailNth(DiskCall::kSync, 1, fault);
    EXPECT_EQ(Commit(), Work::kIdle);
    EXPECT_TRUE(rig_.Journal().Failed());
    EXPECT_EQ(failures_reported_, 1);
    EXPECT_EQ(rig_.Append({"more"}), AppendResult::kFailed);
    const uint64_t syncs = Syncs();
    EXPECT_EQ(Commit(), Work::kIdle);
    EXPECT_EQ(Syncs(), syncs) << "never tried again";
    EXPECT_EQ(rig_.Journal().DurableEnd(), end);
    EXPECT_EQ(failures_reported_, 1);
    EXPECT_EQ(rig_.Log().Count("ERROR"), errors + 1);
    EXPECT_EQ(rig_.Take(), Strings{"safe"}) << "durable events are still sent";
    rig_.Settle();
    rig_.Work();
    Crash();
    rig_.Drain();
  }
}

// Three requests, of which the first is durable before the sync that fails.
TEST_F(CommitTest, WaitersForUnsyncedEventsAreNotifiedOfAFailure) {
  const auto queue = std::make_shared<CompletionQueue>([] {});
  const auto append = [&](AckLevel ack) {
    auto request = std::make_unique<support::WaitingRequest>(rig_.Journal(), queue);
    EventBatch batch;
    support::AddRawEvent(batch, "e", "k", 0);
    EXPECT_EQ(rig_.Journal().Append({.batch = batch, .ack = ack, .waiter = request.get()}, {}),
              AppendResult::kAppended);
    return request;
  };
  const auto completed = [&] { return support::TakeCompleted(*queue); };
  using Waiters = std::vector<Waiter*>;
  const auto durable = append(AckLevel::kWal);
  const auto on_its_way = append(AckLevel::kBroker);
  EXPECT_EQ(completed(), Waiters{});
  Commit();
  EXPECT_EQ(completed(), Waiters{durable.get()});
  EXPECT_FALSE(durable->StorageFailed());
  const auto for_log = append(AckLevel::kWal);
  const auto for_broker = append(AckLevel::kBroker);
  const auto of_nobody = append(AckLevel::kWal);
  of_nobody->Cancel();
  disk_.FailNth(DiskCall::kSync, 1, DiskFault::kEio);
  Commit();
  EXPECT_EQ(completed(), (Waiters{for_log.get(), for_broker.get()}));
  EXPECT_TRUE(for_log->StorageFailed() && for_broker->StorageFailed());
  EXPECT_TRUE(on_its_way->Waits()) << "durable events are still sent";
  rig_.Take();
  rig_.Settle();
  EXPECT_EQ(completed(), Waiters{on_its_way.get()});
  EXPECT_FALSE(on_its_way->StorageFailed());
}

TEST_F(CommitTest, FailedWriteEndsTheLog) {
  rig_.Append({"a"});
  disk_.FailNth(DiskCall::kWrite, 1, DiskFault::kEio);
  EXPECT_EQ(Commit(), Work::kIdle);
  EXPECT_TRUE(rig_.Journal().Failed());
  EXPECT_EQ(failures_reported_, 1);
}

TEST_F(CommitTest, FullDiskAtAWriteKeepsTheFrameUntilThereIsRoom) {
  rig_.Append({"a", "b"});
  disk_.FailOneIn(DiskCall::kWrite, 1, DiskFault::kNoSpace);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Commit(), Work::kLater);
    EXPECT_EQ(rig_.Append({std::to_string(i)}), AppendResult::kAppended) << "there is still room in memory";
  }
  EXPECT_FALSE(rig_.Journal().Failed());
  EXPECT_EQ(rig_.Journal().DurableEnd(), 0U);
  EXPECT_EQ(failures_reported_, 0);
  EXPECT_EQ(rig_.Log().Count("the disk is full"), 1U) << "logged once";
  disk_.FailNoMore();
  EXPECT_EQ(Commit(), Work::kDone);
  EXPECT_EQ(rig_.Journal().DurableEnd(), 2U);
  EXPECT_EQ(Commit(), Work::kDone);
  EXPECT_EQ(rig_.Drain(), (Strings{"a", "b", "0", "1", "2", "3", "4"}));
}

TEST_F(CommitTest, ShortWritesMakeAWholeFrame) {
  disk_.FailOneIn(DiskCall::kWrite, 1, DiskFault::kShort);
  rig_.Append(Numbered(0, 20, 700));
  EXPECT_EQ(Commit(), Work::kDone);
  Crash();
  disk_.FailNoMore();
  EXPECT_EQ(rig_.Drain(), Numbered(0, 20, 700));
}

TEST_F(CommitTest, UnsyncedEventsMayUseAQuarterOfTheMemory) {
  uint64_t appended = 0;
  while (rig_.Append(Numbered(appended, 1, 1'000)) == AppendResult::kAppended) ASSERT_LT(++appended, 100U);
  EXPECT_EQ(appended, 15U) << "of 1,000 bytes and an entry of the index";
  EXPECT_TRUE(rig_.Journal().Full(1'000));
  EXPECT_FALSE(rig_.Journal().Full(999)) << "a smaller one may fit";
  Commit();
  EXPECT_FALSE(rig_.Journal().Full(1'000));
  EXPECT_EQ(rig_.Append(Numbered(0, 1, 30'000)), AppendResult::kAppended) << "one batch is always accepted";
}

TEST_F(CommitTest, ClosedLogCommitsPendingEvents) {
  rig_.Append({"a"});
  rig_.Journal().Close();
  EXPECT_EQ(rig_.Append({"b"}), AppendResult::kClosed);
  EXPECT_EQ(Commit(), Work::kDone);
  EXPECT_EQ(rig_.Take(), Strings{"a"});
}

TEST_F(CommitTest, EventKeepsItsKeyTopicTraceAndTimeOverARestart) {
  const std::string kTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EventBatch batch;
  DecodedEvent event;
  event.json = R"({"id":"0"})";
  event.id = {Member::Kind::kString, event.json.substr(7, 1), event.json.substr(7, 1)};
  event.timestamp = event.id;
  event.key = "user-42";
  event.has_key = true;
  const Route orders{.topic = "orders", .key_source = KeySource::kPointer};
  event.route = &orders;
  batch.Add(event, {}, {}, {.context = {.client = {}, .traceparent = kTrace}});
  event.route = &support::kById;
  batch.Add(event, {}, {}, {});
  event.key = "";
  event.route = &support::kByPointer;
  batch.Add(event, {}, {}, {});
  event.route = &support::kWithoutKey;
  batch.Add(event, {}, {}, {});
  const auto accepted_at = rig_.Clock().Now();
  ASSERT_EQ(rig_.Journal().Append(batch, accepted_at), AppendResult::kAppended);
  Commit();
  rig_.Take();
  const auto before = rig_.Taken();
  ASSERT_EQ(before.size(), 4U);
  const Strings keys = {"user-42", "0", "", ""};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(before[i].key, keys[i]);
    EXPECT_EQ(before[i].has_key, i < 3);
  }
  const uint32_t hash = before[0].key_hash;
  Crash();
  rig_.Clock().Advance(std::chrono::minutes(5));
  rig_.Work();
  rig_.Take();
  ASSERT_EQ(rig_.Taken().size(), 4U);
  for (size_t i = 0; i < 4; ++i) {
    const JournalEvent& after = rig_.Taken()[i];
    EXPECT_EQ(after.position, i);
    EXPECT_EQ(after.value, event.json);
    EXPECT_EQ(after.key, keys[i]);
    EXPECT_EQ(after.has_key, i < 3);
    EXPECT_EQ(after.topic, i == 0 ? "orders" : "");
    EXPECT_EQ(after.context.traceparent, i == 0 ? kTrace : "");
    EXPECT_EQ(after.accepted_at, accepted_at) << "its age continues";
  }
  EXPECT_EQ(rig_.Taken()[0].key_hash, hash);
}

}  // namespace
}  // namespace ei::wal
