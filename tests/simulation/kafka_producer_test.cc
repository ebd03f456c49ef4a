#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "adapters/kafka/native/producer.h"
#include "simulation/sim_kafka.h"
#include "support/random.h"

namespace ei::simulation {
namespace {

using kafka::native::Batch;
using kafka::native::ClusterView;
using kafka::native::Partition;
using kafka::native::ProducerListener;

// A producer and a cluster that does it all kinds of harm, then none any more: in the end all that was given
// stands in its partition, in order, and each record was told of once.
class ProducerSchedule final : public ProducerListener {
 public:
  explicit ProducerSchedule(uint64_t seed)
      : seed_(seed),
        random_(seed),
        partitions_(static_cast<int>(random_.Between(1, 5))),
        kafka_(random_.Next(), DrawFaults(), static_cast<int>(random_.Between(1, 3)), partitions_) {}

  void Run() {
    Producer::Options options;
    options.bootstrap = kafka_.Bootstrap();
    ProducerListener& self = *this;
    Producer producer(options, kafka_, self, random_.Next());
    kafka_.Serve(producer);
    producer.Watch(SimKafka::kTopic);
    const auto begin = kafka_.Now();
    uint64_t given = 0;
    for (uint64_t step = 0; step < kStepsMax; ++step) {
      if (given < kTokens && random_.OneIn(3)) Give(producer, given);
      if (given >= kTokens && kafka_.Now() > begin + std::chrono::seconds(20)) kafka_.Heal();
      turns_ = kafka_.Now() == turned_at_ ? turns_ + 1 : 0;
      turned_at_ = kafka_.Now();
      ASSERT_LT(turns_, kTurnsMax) << "seed " << seed_ << ": it turns and turns, and no time passes";
      producer.Turn(kafka_.Now());
      kafka_.Advance(std::min(producer.NextTurn(), kafka_.Now() + std::chrono::milliseconds(20)));
      if (given >= kTokens && producer.Records() == 0) return Check();
    }
    FAIL() << "seed " << seed_ << ": nothing moves any more; " << producer.Records() << " records are left";
  }

  void OnDelivered(const Partition&, const Batch& batch, int64_t) override {
    for (const uint64_t token : batch.tokens) Settle(token);
  }
  void OnRejected(const Partition&, uint64_t token, std::string_view, std::string_view) override {
    EXPECT_TRUE(IsPoison(token)) << "seed " << seed_ << ": a good one was rejected: " << token;
    Settle(token);
  }
  void OnPartitionGone(const Partition&, const Batch&, bool) override { ADD_FAILURE() << "seed " << seed_; }
  void OnTopic(const std::string&, const ClusterView::Topic& told) override {
    EXPECT_EQ(told.partitions.size(), static_cast<size_t>(partitions_));
  }
  void OnFault(std::string_view code, const std::string&, std::string_view detail) override {
    EXPECT_NE(code, "not_kafka") << "seed " << seed_ << ": " << detail;
  }
  void OnContact(const std::string&) override {}
  void OnRefused(const std::string&, std::string_view detail) override { ADD_FAILURE() << detail; }
  void OnPause(const std::string&, base::Duration) override {}
  void OnProduced(const std::string&, base::Duration) override {}
  void OnRepeats(uint32_t) override {}
  void OnPossibleRepeats(uint32_t records) override { possible_repeats_ += records; }
  void OnTopicConfigs(const kafka::wire::DescribeConfigsResponse*) override {}

 private:
  static constexpr uint64_t kTokens = 150;
  static constexpr uint64_t kStepsMax = 100'000;
  static constexpr int kTurnsMax = 100;

  SimKafka::Faults DrawFaults() {
    const auto some = [this](uint64_t most) { return random_.OneIn(3) ? random_.Below(most) : 0; };
    SimKafka::Faults faults;
    faults.cut_percent = some(20);
    faults.short_percent = some(20);
    faults.brokers.refused_percent = some(25);
    faults.move_percent = some(15);
    faults.down_percent = some(6);
    if (random_.OneIn(4)) faults.again_percent = random_.Between(1, 3);
    faults.throttle_percent = some(20);
    faults.stall_percent = some(4);
    faults.brokers.poison_percent = some(15);
    if (random_.OneIn(4)) faults.brokers.batch_bytes_max = 700;
    faults.brokers.tells_sequences = random_.OneIn(2);
    return faults;
  }

  void Give(Producer& producer, uint64_t& given) {
    const auto partition = static_cast<int32_t>(random_.Below(static_cast<uint64_t>(partitions_)));
    auto batch = std::make_unique<Batch>(1'700'000'000'000);
    for (uint64_t count = random_.Between(1, 8); count > 0 && given < kTokens; --count, ++given) {
      batch->records.Append(std::to_string(given), std::string(random_.Below(300), 'v'), {});
      batch->tokens.push_back(given);
      places_[given] = partition;
    }
    producer.Add(SimKafka::kTopic, partition, std::move(batch));
  }

  bool IsPoison(uint64_t token) const { return kafka_.Brokers().IsPoison(std::to_string(token)); }

  void Settle(uint64_t token) {
    EXPECT_TRUE(settled_.insert(token).second) << "seed " << seed_ << ": told twice of " << token;
  }

  void Check() {
    for (int partition = 0; partition < partitions_; ++partition) {
      const auto earlier = kafka_.Brokers().EarlierLogs(SimKafka::kTopic, partition);
      for (const auto& log : earlier) CheckLog(log, partition, /*made_again=*/true);
      CheckLog(kafka_.Brokers().Log(SimKafka::kTopic, partition), partition, !earlier.empty());
    }
    for (uint64_t token = 0; token < kTokens; ++token) {
      EXPECT_EQ(seen_.contains(token), !IsPoison(token)) << "seed " << seed_ << ": " << token;
      EXPECT_TRUE(settled_.contains(token)) << "seed " << seed_ << ": nothing was told of " << token;
    }
    EXPECT_LE(repeats_, possible_repeats_) << "seed " << seed_ << ": repeats that nobody was told of";
  }

  // Of one life of the topic. A broker that isn't told which life a batch is for, takes any batch as the
  // first of a new one, also one that was sent behind another (docs/KAFKA.md); then nobody can keep the
  // order.
  void CheckLog(const std::vector<support::SimBrokers::Record>& log, int partition, bool made_again) {
    std::set<uint64_t> here;
    uint64_t newest = 0;
    for (const auto& record : log) {
      const uint64_t token = std::stoull(record.key.value());
      EXPECT_FALSE(IsPoison(token)) << "seed " << seed_;
      EXPECT_EQ(places_[token], partition) << "seed " << seed_;
      seen_.insert(token);
      if (!here.insert(token).second) {
        ++repeats_;
        continue;
      }
      EXPECT_TRUE(token >= newest || (made_again && !kafka_.Brokers().AllTakeIds()))
          << "seed " << seed_ << ": out of order";
      newest = token;
    }
  }

  const uint64_t seed_;
  support::Random random_;
  const int partitions_;
  SimKafka kafka_;
  std::map<uint64_t, int32_t> places_;
  std::set<uint64_t> settled_;
  std::set<uint64_t> seen_;
  uint64_t repeats_ = 0;
  uint64_t possible_repeats_ = 0;
  base::SteadyTime turned_at_;
  int turns_ = 0;  // at that time
};

TEST(KafkaProducerSimulation, NothingIsLostOrReorderedAndRepeatsAreKnown) {
  const uint64_t first = support::SeedOr(1);
  const uint64_t schedules = support::SchedulesOr(2'000);
  for (uint64_t seed = first; seed < first + schedules && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("EI_SEED=" + std::to_string(seed));
    ProducerSchedule(seed).Run();
  }
}

}  // namespace
}  // namespace ei::simulation
