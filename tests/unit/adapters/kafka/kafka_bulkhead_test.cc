// Workers, sink and a cluster in which one partition stands still.

#include <gtest/gtest.h>

#include <string>

#include "adapters/kafka/kafka_sink.h"
#include "adapters/memory_journal/memory_journal.h"
#include "adapters/system/system_clock.h"
#include "app/worker_pool.h"
#include "base/murmur2.h"
#include "support/events.h"
#include "support/null_log.h"
#include "support/recording_telemetry.h"
#include "unit/adapters/http/http_client.h"
#include "unit/adapters/kafka/mock_cluster.h"

namespace ei::kafka {
namespace {

using http::Eventually;

constexpr int kPartitions = 10;
constexpr int32_t kFrozen = 3;
constexpr int kSecondBroker = 2;

class KafkaBulkhead : public testing::Test {
 protected:
  KafkaBulkhead() {
    cluster_.MoveLeaders("events", 1);
    cluster_.MoveLeader("events", kFrozen, kSecondBroker);
    KafkaOptions options;
    options.brokers = cluster_.Brokers();
    options.inflight_events_max = kWindow;
    options.properties = {{"reconnect.backoff.ms", "10"}, {"reconnect.backoff.max.ms", "100"}};
    auto created = KafkaSink::Create(options, log_);
    if (!created) std::abort();
    sink_ = std::move(*created);
    app::WorkerPool::Options pool;
    pool.delivery.inflight_events_max = kWindow;
    pool.delivery.taken_events_max = kJournal;
    pool_ = std::make_unique<app::WorkerPool>(
        pool, app::DeliveryContext{journal_, *sink_, drain_rate_, receipts_, clock_, telemetry_, log_});
    pool_->Start();
  }
  ~KafkaBulkhead() override {
    pool_->Stop();
    sink_.reset();
  }

  // Returns how many of them go to the frozen partition.
  uint64_t Accept(int count, bool keyed) {
    uint64_t frozen = 0;
    domain::EventBatch batch;
    for (int i = 0; i < count; ++i, ++next_) {
      const std::string key = std::to_string(next_);
      const bool here = (base::Murmur2(key) & 0x7fffffff) % kPartitions == kFrozen;
      frozen += keyed && here ? 1 : 0;
      support::AddRawEvent(batch, "{}", keyed ? std::optional<std::string_view>(key) : std::nullopt, 0);
    }
    EXPECT_EQ(journal_.Append(batch, clock_.Now()), app::AppendResult::kAppended);
    return frozen;
  }
  bool Left(uint64_t events) {
    return Eventually([&] { return journal_.Stats().events == events; });
  }

  static constexpr size_t kWindow = 200;
  static constexpr size_t kJournal = 20'000;

  support::NullLog log_;
  system::SystemClock clock_;
  support::RecordingTelemetry telemetry_;
  app::DrainRate drain_rate_;
  app::Receipts receipts_{kJournal};
  memory_journal::MemoryJournal journal_{{.events_max = kJournal, .bytes_max = 64 << 20, .lanes = 1}};
  MockCluster cluster_{kPartitions, 2};
  std::unique_ptr<KafkaSink> sink_;
  std::unique_ptr<app::WorkerPool> pool_;
  int next_ = 0;
};

TEST_F(KafkaBulkhead, OnePartitionThatStandsStillHoldsItsOwnEventsOnly) {
  Accept(100, true);
  ASSERT_TRUE(Left(0));
  cluster_.GoDown(kSecondBroker);
  uint64_t frozen = 0;
  for (int round = 0; round < 50; ++round) {
    frozen += Accept(200, true);
    ASSERT_TRUE(Left(frozen)) << "round " << round << ": the other nine partitions stand still too";
  }
  EXPECT_GT(frozen, 2 * kWindow) << "more than the window has room for";
  cluster_.ComeUp(kSecondBroker);
  EXPECT_TRUE(Left(0));
}

TEST_F(KafkaBulkhead, EventsWithoutAKeyGoRoundIt) {
  Accept(100, true);
  ASSERT_TRUE(Left(0));
  cluster_.GoDown(kSecondBroker);
  for (int round = 0; round < 50; ++round) Accept(200, false);
  EXPECT_TRUE(Eventually([&] { return journal_.Stats().events <= kWindow; }))
      << journal_.Stats().events << " events wait for a partition that nobody asked for";
  cluster_.ComeUp(kSecondBroker);
  EXPECT_TRUE(Left(0));
}

}  // namespace
}  // namespace ei::kafka
