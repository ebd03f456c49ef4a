#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "adapters/kafka/kafka_sink.h"
#include "adapters/memory_journal/memory_journal.h"
#include "app/worker_pool.h"
#include "support/events.h"
#include "support/null_log.h"
#include "support/random.h"
#include "support/recording_telemetry.h"
#include "support/virtual_clock.h"
#include "unit/adapters/kafka/mock_cluster.h"
#include "unit/adapters/kafka/report_book.h"

namespace {

// The producers that are alive. The adapter keeps its clients to itself; to break one of them, the tests
// stand between the adapter and the library.
std::mutex producers_mutex;
std::vector<rd_kafka_t*> producers;

template <typename Function>
Function* Library(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

rd_kafka_t* rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t* conf, char* fault, size_t fault_size) {
  static auto* const library_new = Library<decltype(rd_kafka_new)>("rd_kafka_new");
  rd_kafka_t* const client = library_new(type, conf, fault, fault_size);
  if (client != nullptr && type == RD_KAFKA_PRODUCER) {
    const std::lock_guard lock(producers_mutex);
    producers.push_back(client);
  }
  return client;
}

void rd_kafka_destroy(rd_kafka_t* client) {
  static auto* const library_destroy = Library<decltype(rd_kafka_destroy)>("rd_kafka_destroy");
  {
    const std::lock_guard lock(producers_mutex);
    std::erase(producers, client);
  }
  library_destroy(client);
}

}  // extern "C"

namespace ei::kafka {
namespace {

using app::Grouping;
using app::Verdict;
using namespace std::chrono_literals;

// Breaks the producers of the adapter that are alive, as an idempotent producer breaks on a lost sequence;
// returns how many were whole before.
int BreakProducers() {
  const std::lock_guard lock(producers_mutex);
  int broken = 0;
  for (rd_kafka_t* const client : producers) {
    if (std::string_view(rd_kafka_name(client)).starts_with("event-ingestor") &&
        rd_kafka_test_fatal_error(client, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "told to") ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++broken;
    }
  }
  return broken;
}

size_t ProducersAlive() {
  const std::lock_guard lock(producers_mutex);
  size_t alive = 0;
  for (rd_kafka_t* const client : producers) {
    alive += std::string_view(rd_kafka_name(client)).starts_with("event-ingestor") ? 1 : 0;
  }
  return alive;
}

class KafkaSinkFatal : public testing::Test {
 protected:
  KafkaOptions Options() const {
    KafkaOptions options;
    options.brokers = cluster_.Brokers();
    options.lanes = 2;
    options.properties = {{"retry.backoff.ms", "10"}, {"reconnect.backoff.ms", "10"}};
    return options;
  }
  std::unique_ptr<KafkaSink> Open() {
    auto created = KafkaSink::Create(Options(), log_);
    if (!created) {
      ADD_FAILURE() << created.error().message;
      std::abort();
    }
    return std::move(*created);
  }

  MockCluster cluster_;
  support::NullLog log_;
};

TEST_F(KafkaSinkFatal, WhatWasInFlightComesBackByItself) {
  auto sink = Open();
  ReportBook book(*sink, 0);
  cluster_.AnswerAfter(60s);
  book.Send({{"1", "k"}, {"2", "k"}});
  ASSERT_EQ(BreakProducers(), 1);
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book.Count(Verdict::kTransient), 2U);
  book.ExpectOneReportEach();
}

// Behind a failure nothing of the lane may be delivered before the failed ones are back (EventSink).
TEST_F(KafkaSinkFatal, NothingOvertakesWhatTheBreakTookBack) {
  auto sink = Open();
  ReportBook book(*sink, 0);
  book.Send({{"0", "k"}});
  ASSERT_TRUE(book.Complete());
  cluster_.AnswerAfter(60s);
  book.Send({{"1", "k"}});
  ASSERT_EQ(BreakProducers(), 1);
  cluster_.AnswerAfter(0s);
  for (int i = 2; i < 50; ++i) book.Send({{std::to_string(i), "k"}});
  ASSERT_TRUE(book.Complete());
  book.ExpectOneReportEach();
  // Once a Send is delivered, all reports of those before it must have been back: here the first Send on the
  // new producer, and everything in front of it, failed.
  EXPECT_EQ(book[1].verdict, Verdict::kTransient);
  EXPECT_EQ(book[2].verdict, Verdict::kTransient);
}

TEST_F(KafkaSinkFatal, ANewProducerTakesOverForEveryLane) {
  auto sink = Open();
  ReportBook first(*sink, 0);
  ReportBook second(*sink, 1);
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(BreakProducers(), 1);
    for (ReportBook* const book : {&first, &second}) {
      // At most a few Sends fail until the break is known and the lane has gathered what it took back.
      const auto deadline = std::chrono::steady_clock::now() + 20s;
      size_t token = book->Send({{"v", "k"}});
      ASSERT_TRUE(book->Complete());
      while ((*book)[token].verdict != Verdict::kDelivered && std::chrono::steady_clock::now() < deadline) {
        EXPECT_EQ((*book)[token].verdict, Verdict::kTransient);
        EXPECT_EQ((*book)[token].code, "taken_back");
        token = book->Send({{"v", "k"}});
        ASSERT_TRUE(book->Complete());
      }
      EXPECT_EQ((*book)[token].verdict, Verdict::kDelivered);
    }
    EXPECT_EQ(ProducersAlive(), 1U);
  }
  first.ExpectOneReportEach();
  second.ExpectOneReportEach();
  sink.reset();
  EXPECT_EQ(ProducersAlive(), 0U);
}

TEST_F(KafkaSinkFatal, TheProducerForSingleRecordsIsReplacedToo) {
  auto sink = Open();
  ReportBook book(*sink, 0);
  book.Send({{"v", "k"}}, Grouping::kAlone);
  ASSERT_TRUE(book.Complete());
  ASSERT_EQ(BreakProducers(), 2);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  size_t token = 0;
  do {
    token = book.Send({{"v", "k"}}, Grouping::kAlone);
    ASSERT_TRUE(book.Complete());
  } while (book[token].verdict != Verdict::kDelivered && std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(book[token].verdict, Verdict::kDelivered);
  book.SendDeadLetter({"v", "k"}, {"c", "r", 1, {}});
  ASSERT_TRUE(book.Complete());
  EXPECT_EQ(book[book.Size() - 1].verdict, Verdict::kDelivered);
}

TEST_F(KafkaSinkFatal, AProducerThatMayNotStartIsReplacedUntilItMay) {
  cluster_.AnswerNext(MockCluster::kInitProducerId, {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
                                                     RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED});
  auto sink = Open();
  ReportBook book(*sink, 0);
  size_t token = 0;
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  do {
    token = book.Send({{"v", "k"}});
    ASSERT_TRUE(book.Complete());
  } while (book[token].verdict != Verdict::kDelivered && std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(book[token].verdict, Verdict::kDelivered);
  EXPECT_GT(token, 0U);
  book.ExpectOneReportEach();
}

// The pipeline from the journal on, with real threads and a producer that breaks again and again.
class FatalUnderLoad : public KafkaSinkFatal {
 protected:
  static constexpr size_t kLanes = 2;
  static constexpr uint64_t kKeys = 8;

  FatalUnderLoad() : journal_({1'000'000, uint64_t{256} << 20, kLanes}) {
    sink_ = Open();
    app::WorkerPool::Options pool;
    pool.workers = kLanes;
    pool.seed = 1;
    pool.delivery.inflight_events_max = 500;
    // More than a test has refusals: they hit requests by their number, any of which may be one event's.
    pool.delivery.event_retries = {1ms, 5ms, 10};
    pool.delivery.transient_retries = {1ms, 5ms, 0};
    workers_ = std::make_unique<app::WorkerPool>(
        pool, app::DeliveryContext{journal_, *sink_, drain_rate_, receipts_, clock_, telemetry_, log_});
    workers_->Start();
  }
  ~FatalUnderLoad() override {
    workers_->Stop();
    sink_.reset();
  }

  void Append(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      domain::EventBatch batch;
      const uint64_t key = appended_ % kKeys;
      const std::string label = "k" + std::to_string(key) + " " + std::to_string(appended_ / kKeys) + " ";
      support::AddRawEvent(batch, label, "k" + std::to_string(key), 100);
      ASSERT_EQ(journal_.Append(batch, clock_.Now()), app::AppendResult::kAppended);
      ++appended_;
    }
  }

  // Each event is there, and the first time each stands there is in the order of its key.
  void ExpectAllInOrder() {
    std::map<std::string, uint64_t> next;
    uint64_t repeats = 0;
    for (const StoredRecord& record : cluster_.Read("events")) {
      const uint64_t n = std::stoull(record.value.substr(record.value.find(' ')));
      uint64_t& expected = next[record.key.value()];
      ASSERT_LE(n, expected) << *record.key << ": " << expected << " is missing or late";
      repeats += n < expected ? 1 : 0;
      if (n == expected) ++expected;
    }
    uint64_t stored = 0;
    for (const auto& [key, count] : next) stored += count;
    EXPECT_EQ(stored, appended_);
    RecordProperty("repeats", std::to_string(repeats));
  }

  support::RealClock clock_;
  support::RecordingTelemetry telemetry_;
  memory_journal::MemoryJournal journal_;
  app::DrainRate drain_rate_;
  app::Receipts receipts_{10'000};
  std::unique_ptr<KafkaSink> sink_;
  std::unique_ptr<app::WorkerPool> workers_;
  uint64_t appended_ = 0;
};

TEST_F(FatalUnderLoad, NothingIsLostAndKeysKeepTheirOrder) {
  support::Random random(support::SeedOr(17));
  int broken = 0;
  for (int round = 0; round < 15; ++round) {
    const uint64_t before = telemetry_.Read().delivered;
    Append(random.Between(200, 1500));
    broken += BreakProducers();
    Append(random.Between(200, 1500));
    // The next break comes when deliveries are under way again.
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (telemetry_.Read().delivered == before && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
  }
  EXPECT_GE(broken, 5);
  journal_.Close();
  EXPECT_EQ(workers_->Drain(std::chrono::steady_clock::now() + 30s), 0U);
  EXPECT_EQ(telemetry_.Read().delivered, appended_);
  EXPECT_EQ(telemetry_.Read().DeadLettered(), 0U);
  ExpectAllInOrder();
}

TEST_F(FatalUnderLoad, RefusedRequestsCostNoInnocentEvent) {
  support::Random random(support::SeedOr(18));
  for (int round = 0; round < 10; ++round) {
    cluster_.AnswerNext(MockCluster::kProduce,
                        {RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_INVALID_RECORD});
    Append(random.Between(10, 300));
  }
  journal_.Close();
  EXPECT_EQ(workers_->Drain(std::chrono::steady_clock::now() + 30s), 0U);
  const auto told = telemetry_.Read();
  EXPECT_EQ(told.delivered, appended_);
  EXPECT_EQ(told.DeadLettered(), 0U);
}

TEST_F(FatalUnderLoad, ClaimsOfDeliveryWithoutProofLoseNothing) {
  support::Random random(support::SeedOr(19));
  for (int round = 0; round < 10; ++round) {
    cluster_.AnswerNext(MockCluster::kProduce,
                        {RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER});
    Append(random.Between(10, 300));
  }
  journal_.Close();
  EXPECT_EQ(workers_->Drain(std::chrono::steady_clock::now() + 30s), 0U);
  EXPECT_EQ(telemetry_.Read().delivered, appended_);
  std::set<std::string> stored;
  for (const StoredRecord& record : cluster_.Read("events")) stored.insert(record.value);
  EXPECT_EQ(stored.size(), appended_);
}

TEST_F(FatalUnderLoad, AnOutageIsRiddenOut) {
  Append(2000);
  cluster_.GoDown();
  Append(2000);
  BreakProducers();
  Append(2000);
  cluster_.ComeUp();
  Append(2000);
  journal_.Close();
  EXPECT_EQ(workers_->Drain(std::chrono::steady_clock::now() + 30s), 0U);
  EXPECT_EQ(telemetry_.Read().delivered, appended_);
  EXPECT_EQ(telemetry_.Read().DeadLettered(), 0U);
  ExpectAllInOrder();
}

}  // namespace
}  // namespace ei::kafka
