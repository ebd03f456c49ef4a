#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "adapters/kafka/native/topic_queue.h"
#include "base/murmur2.h"
#include "simulation/sim_kafka.h"
#include "support/random.h"

namespace ei::simulation {
namespace {

using kafka::native::Batch;
using kafka::native::ClusterView;
using kafka::native::Instant;
using kafka::native::Partition;
using kafka::native::ProducerListener;
using kafka::native::TopicQueue;
using kafka::native::TopicQueueListener;

// A topic's queue, its producer and a cluster that does it all kinds of harm, then none any more: in the end
// all that was given stands in the topic, each key's in order, what the topic doesn't take was told of, and
// each event was told of once.
class ProducerSchedule final : public ProducerListener, public TopicQueueListener {
 public:
  explicit ProducerSchedule(uint64_t seed)
      : random_(seed),
        partitions_(static_cast<int>(random_.Between(1, 5))),
        keys_(random_.Between(1, 20)),
        kafka_(random_.Next(), DrawFaults(), static_cast<int>(random_.Between(1, 3)), partitions_) {}

  void Run() {
    Producer::Options options;
    options.bootstrap = kafka_.Bootstrap();
    ProducerListener& self = *this;
    TopicQueueListener& queue_listener = *this;
    Producer producer(options, kafka_, self, random_.Next());
    kafka_.Serve(producer);
    TopicQueue queue(SimKafka::kTopic, {}, producer, queue_listener, delivered_, random_.Next());
    queue_ = &queue;
    const auto begin = kafka_.Now();
    uint64_t given = 0;
    for (uint64_t step = 0; step < kStepsMax; ++step) {
      if (given < kTokens && random_.OneIn(3)) Give(queue, given);
      if (given >= kTokens && kafka_.Now() > begin + std::chrono::seconds(20)) {
        kafka_.Heal();
        // While the topic takes nothing nobody knows who is at fault.
        if (random_.OneIn(50)) GiveGood(queue);
      }
      turns_ = kafka_.Now() == turned_at_ ? turns_ + 1 : 0;
      turned_at_ = kafka_.Now();
      ASSERT_LT(turns_, kTurnsMax) << "it turns and turns, and no time passes";
      if (queue.NextTurn() <= kafka_.Now()) queue.Turn(Now());
      producer.Turn(kafka_.Now());
      kafka_.Advance(
          std::min({producer.NextTurn(), queue.NextTurn(), kafka_.Now() + std::chrono::milliseconds(20)}));
      if (given >= kTokens && settled_.size() == values_.size()) return Check();
    }
    FAIL() << "nothing moves any more; " << values_.size() - settled_.size() << " events are left";
  }

  void OnDelivered(const Partition& partition, const Batch& batch, int64_t) override {
    app::RunReader runs(batch.runs);
    for (const uint64_t token : batch.tokens) {
      Settle(token, runs.Next());
    }
    delivered_ += batch.tokens.size();
    queue_->OnDelivered(partition, batch, kafka_.Now());
  }
  void OnRejected(const Partition& partition, std::unique_ptr<Batch> rejected, std::string_view code,
                  std::span<const std::string> reasons) override {
    EXPECT_EQ(reasons.size(), rejected->tokens.size());
    for (const uint64_t token : rejected->tokens) out_of_order_.insert(token);
    queue_->OnRejected(partition, std::move(rejected), code, reasons, kafka_.Now());
  }
  void OnUndeliverable(const std::string&, const Batch& records, std::string_view code,
                       std::span<const std::string>, uint32_t attempts) override {
    VisitRecords(records, [&](const kafka::wire::RecordView&, uint64_t token, const app::EventRun& run) {
      EXPECT_TRUE(IsPoison(token)) << "a good one was rejected: " << token << ' ' << code;
      Settle(token, run);
    });
    EXPECT_GE(attempts, code == "message_too_large" ? 1U : 2U);
  }
  void OnTopicFault(std::string_view, const std::string&, std::string_view) override {}
  void OnRetried(uint32_t) override {}
  void OnPartitionGone(const Partition&, std::deque<std::unique_ptr<Batch>> batches) override {
    queue_->OnPartitionGone(std::move(batches));
  }
  void OnTopic(const std::string&, const ClusterView::Topic& told) override {
    queue_->OnTopic(told, kafka_.Now());
  }
  void OnFault(std::string_view code, const std::string&, std::string_view detail) override {
    EXPECT_NE(code, "not_kafka") << detail;
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
  static constexpr uint64_t kHeld = 11;  // bytes of memory of each event

  using Record = support::SimBrokers::Record;

  Instant Now() const { return {kafka_.Now(), 1'700'000'000'000}; }

  SimKafka::Faults DrawFaults() {
    const auto some = [this](uint64_t most) { return random_.OneIn(3) ? random_.Below(most) : 0; };
    SimKafka::Faults faults;
    faults.cut_percent = some(20);
    faults.short_percent = some(20);
    faults.brokers.refused_percent = some(25);
    faults.move_percent = some(15);
    faults.down_percent = some(6);
    if (random_.OneIn(4)) faults.again_percent = random_.Between(1, 3);
    if (random_.OneIn(4)) faults.grow_percent = random_.Between(1, 4);
    if (random_.OneIn(4)) faults.broken_percent = random_.Between(1, 4);
    faults.throttle_percent = some(20);
    faults.stall_percent = some(4);
    faults.brokers.poison_percent = some(15);
    if (random_.OneIn(4)) faults.brokers.batch_bytes_max = 700;
    faults.brokers.tells_sequences = random_.OneIn(2);
    return faults;
  }

  void Give(TopicQueue& queue, uint64_t& given) {
    queue.UseRules({.batch_bytes_max = random_.OneIn(3) ? size_t{500} : size_t{1'000'000}});
    for (uint64_t count = random_.Between(1, 20); count > 0 && given < kTokens; --count, ++given) {
      values_.push_back(std::to_string(given) + ':' + std::string(random_.Below(300), 'v'));
      Add(queue);
    }
  }
  void GiveGood(TopicQueue& queue) {
    std::string value = std::to_string(values_.size()) + ':';
    while (kafka_.Brokers().IsPoison(value)) value += 'v';
    values_.push_back(std::move(value));
    Add(queue);
  }
  // The newest value.
  void Add(TopicQueue& queue) {
    const std::string key = 'k' + std::to_string(random_.Below(keys_));
    app::JournalEvent event;
    event.value = values_.back();
    event.has_key = !random_.OneIn(5);
    if (event.has_key) {
      event.key = key;
      event.key_hash = base::Murmur2(key);
    }
    event.position = values_.size() - 1;
    event.held_bytes = kHeld;
    event.accepted_at = kafka_.Now();
    event.client = static_cast<domain::ClientNumber>(random_.Below(3));
    clients_.push_back(event.client);
    queue.Add(event, Now());
  }

  bool IsPoison(uint64_t token) const { return kafka_.Brokers().IsPoison(values_[token]); }

  void Settle(uint64_t token, const app::EventRun& run) {
    EXPECT_TRUE(settled_.insert(token).second) << "told twice of " << token;
    EXPECT_EQ(run.held_bytes, kHeld);
    EXPECT_EQ(run.client, clients_[token]);
  }

  void Check() {
    const auto lives = kafka_.Brokers().EarlierLogs(SimKafka::kTopic);
    for (const auto& life : lives) CheckLife(life);
    std::vector<std::vector<Record>> last;
    for (size_t i = 0; i < kafka_.Brokers().Partitions(SimKafka::kTopic); ++i) {
      last.push_back(kafka_.Brokers().Log(SimKafka::kTopic, static_cast<int>(i)));
    }
    CheckLife(last);
    for (uint64_t token = 0; token < values_.size(); ++token) {
      EXPECT_EQ(seen_.contains(token), !IsPoison(token)) << token;
    }
    EXPECT_LE(repeats_, possible_repeats_) << "repeats that nobody was told of";
  }

  // One life of the topic. A broker that isn't told which life a batch is for, takes any batch as the first
  // of a new one, also one that was sent behind another (docs/KAFKA.md); then nobody can keep the order.
  void CheckLife(const std::vector<std::vector<Record>>& partitions) {
    std::map<uint64_t, std::pair<std::string, uint64_t>> arrived;  // by order: key, token
    for (size_t partition = 0; partition < partitions.size(); ++partition) {
      for (const Record& record : partitions[partition]) {
        const uint64_t token = std::stoull(record.value);
        EXPECT_EQ(record.value, values_[token]);
        EXPECT_FALSE(IsPoison(token));
        if (!record.key) {
          arrived[record.order] = {"", token};
          continue;
        }
        arrived[record.order] = {*record.key, token};
        if (kafka_.TimesGrown() > 0 || kafka_.TimesMadeAgain() > 0) continue;
        EXPECT_EQ((base::Murmur2(*record.key) & 0x7fffffff) % partitions.size(), partition);
      }
    }
    std::set<uint64_t> here;
    std::map<std::string, uint64_t> newest;
    for (const auto& [order, what] : arrived) {
      const auto& [key, token] = what;
      seen_.insert(token);
      if (!here.insert(token).second) {
        ++repeats_;
        continue;
      }
      if (key.empty() || out_of_order_.contains(token)) continue;
      EXPECT_TRUE(token >= newest[key] || (kafka_.TimesMadeAgain() > 0 && !kafka_.Brokers().AllTakeIds()))
          << token << " of key " << key << " stands behind " << newest[key];
      newest[key] = std::max(newest[key], token);
    }
  }

  support::Random random_;
  const int partitions_;
  const uint64_t keys_;
  SimKafka kafka_;
  TopicQueue* queue_ = nullptr;
  std::vector<std::string> values_;            // by token
  std::vector<domain::ClientNumber> clients_;  // the same
  std::set<uint64_t> out_of_order_;            // were rejected once
  std::set<uint64_t> settled_;
  std::set<uint64_t> seen_;
  uint64_t delivered_ = 0;
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
