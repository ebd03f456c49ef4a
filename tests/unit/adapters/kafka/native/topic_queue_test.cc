#include "adapters/kafka/native/topic_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/murmur2.h"
#include "simulation/sim_kafka.h"

namespace ei::kafka::native {
namespace {

using simulation::SimKafka;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Strings = std::vector<std::string>;

constexpr int kPartitions = 4;
const std::string kTopic = SimKafka::kTopic;

// A queue and its producer with brokers that do what the test specifies. Random faults are tested in
// tests/simulation/kafka_producer_test.cc.
class TopicQueueTest : public ::testing::Test, protected ProducerListener, protected TopicQueueListener {
 protected:
  void Open(int brokers = 1, const TopicQueue::Options& options = {}) {
    kafka_.emplace(1, SimKafka::Faults(), brokers, kPartitions);
    Start(options);
  }
  // Starts a new process.
  void Start(const TopicQueue::Options& options = {}) {
    Producer::Options producer;
    producer.connections.bootstrap = kafka_->Bootstrap();
    ProducerListener& listener = *this;
    TopicQueueListener& queue_listener = *this;
    producer_.emplace(producer, *kafka_, listener, 1);
    kafka_->Serve(*producer_);
    queue_.emplace(kTopic, options, *producer_, queue_listener, total_, 1);
  }

  // With a position: adds the event again, as a journal does for events that it doesn't know to be settled.
  void Add(const std::string& value, std::optional<std::string> key = std::nullopt,
           std::optional<uint64_t> position = std::nullopt) {
    JournalEvent event;
    event.value = value;
    event.has_key = key.has_value();
    if (key) {
      event.key = *key;
      event.key_hash = base::Murmur2(*key);
    }
    event.position = position.value_or(values_.size());
    event.accepted_at = kafka_->Now();
    if (!position) values_.push_back(value);
    queue_->Add(event, Now());
  }
  void AddDeadLetter(const std::string& value) {
    EventView event;
    event.value = value;
    queue_->AddDeadLetter(values_.size(), event, /*with_value=*/true, {}, Now());
    values_.push_back(value);
  }

  Instant Now() const { return {kafka_->Now(), 7}; }
  // Lets this time pass.
  void Pass(base::Duration time) {
    const base::SteadyTime end = kafka_->Now() + time;
    while (kafka_->Now() < end) {
      if (queue_->NextTurn() <= kafka_->Now()) queue_->Turn(Now());
      producer_->Turn(kafka_->Now());
      const base::SteadyTime next = std::min({producer_->NextTurn(), queue_->NextTurn(), end});
      kafka_->Advance(std::max(next, kafka_->Now()));
    }
  }
  // Others have delivered before, and have another leader.
  void StopTheLeaderOfTheFirstPartition() {
    Open(2);
    for (uint64_t i = 0; i < 2 * TopicQueue::kStalledDeliveriesMin; ++i) Add("early", KeyOf(1));
    Pass(seconds(1));
    kafka_->Brokers().SetLeader(kTopic, 0, 1);
    for (size_t i = 1; i < kPartitions; ++i) kafka_->Brokers().SetLeader(kTopic, i, 0);
    Pass(seconds(1));
    kafka_->Brokers().Stop(1);
  }
  Strings Delivered() { return std::exchange(delivered_, {}); }
  // By partition.
  std::map<int, Strings> Stored() const {
    std::map<int, Strings> stored;
    for (size_t i = 0; i < kafka_->Brokers().Partitions(kTopic); ++i) {
      for (const auto& record : kafka_->Brokers().Log(kTopic, static_cast<int>(i))) {
        stored[static_cast<int>(i)].push_back(record.value);
      }
    }
    return stored;
  }
  static std::string KeyOf(uint32_t partition, uint32_t of = kPartitions) {
    for (int i = 0;; ++i) {
      std::string key = "k" + std::to_string(i);
      if ((base::Murmur2(key) & 0x7fffffff) % of == partition) return key;
    }
  }

  void OnDelivered(const Partition& partition, const Batch& batch, int64_t, bool) override {
    for (const uint64_t token : batch.tokens) delivered_.push_back(values_[token]);
    total_ += batch.tokens.size();
    queue_->OnDelivered(partition, batch, kafka_->Now());
  }
  void OnRejected(const Partition& partition, std::unique_ptr<Batch> rejected, std::string_view code,
                  std::span<const std::string> reasons) override {
    queue_->OnRejected(partition, std::move(rejected), code, reasons, kafka_->Now());
  }
  void OnUndeliverable(const std::string& topic, const Batch& records, std::string_view code,
                       std::span<const std::string> reasons, uint32_t attempts) override {
    EXPECT_EQ(topic, kTopic);
    EXPECT_FALSE(reasons.empty());
    for (const uint64_t token : records.tokens)
      undeliverable_[values_[token]] = {std::string(code), attempts};
  }
  void OnTopicFault(std::string_view code, const std::string&, std::string_view) override {
    faults_.emplace_back(code);
  }
  void OnRetried(uint32_t) override {}
  void OnNumbered(const Partition& partition, const Batch& batch) override {
    sent_.push_back(
        {EncodeSentStamp({partition.Topic(), partition.Index(), batch.topic_id, batch.stamp}), batch.tokens});
  }
  // A process delivers "a" and "b" in one batch; the next process doesn't know that.
  void CrashBehindTwo(const std::string& key) {
    Open();
    for (const std::string value : {"a", "b"}) Add(value, key);
    Pass(seconds(1));
    EXPECT_EQ(Delivered(), (Strings{"a", "b"}));
    Start();
    Resume();
  }
  void Resume() {
    for (const auto& [stamp, positions] : ResumableOf(sent_)) queue_->Resume(stamp, positions, Now());
  }
  void OnNumbersVoid(const Partition&, const Batch&) override {}
  void OnWriting() override {}
  void OnPartitionGone(const Partition&, Batches batches) override {
    queue_->OnPartitionGone(std::move(batches));
  }
  void OnTopic(const std::string&, const ClusterView::Topic& view) override {
    queue_->OnTopic(view, kafka_->Now());
  }
  void OnPartitionFault(const Partition&, std::string_view, std::string_view) override {}
  void OnBrokerFault(std::string_view, const std::string&, std::string_view) override {}
  void OnContact(const std::string&) override {}
  void OnRefused(const std::string&, std::string_view) override {}
  void OnPause(const std::string&, base::Duration) override {}
  void OnProduced(const std::string&, base::Duration) override {}
  void OnPossibleRepeats(uint32_t records) override { possible_repeats_ += records; }
  void OnTopicConfigs(const wire::DescribeConfigsResponse*) override {}

  std::optional<SimKafka> kafka_;
  std::optional<Producer> producer_;
  std::optional<TopicQueue> queue_;
  Strings values_;     // by token
  Strings delivered_;  // since the last call of Delivered()
  uint64_t total_ = 0;
  std::map<std::string, std::pair<std::string, uint32_t>> undeliverable_;  // code, attempts
  Strings faults_;
  std::vector<SentBatch> sent_;  // as it was noted
  uint64_t possible_repeats_ = 0;
};

TEST_F(TopicQueueTest, EventsAddedBeforeTheTopicIsKnownGoFirst) {
  Open();
  for (int i = 0; i < 5; ++i) Add("early" + std::to_string(i), "k");
  Pass(seconds(1));
  Add("late", "k");
  Pass(seconds(1));
  EXPECT_EQ(Stored().begin()->second, (Strings{"early0", "early1", "early2", "early3", "early4", "late"}));
}

TEST_F(TopicQueueTest, EventsWithoutAKeyTakeTurnsAndStayTogetherMeanwhile) {
  Open();
  Add("first");
  Pass(seconds(1));
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 5; ++i) Add(std::to_string(round));
    Pass(milliseconds(100));
    queue_->LeaveKeylessPlace();
  }
  const auto stored = Stored();
  EXPECT_EQ(stored.size(), size_t{kPartitions});
  for (const auto& [partition, values] : stored) {
    for (const std::string& value : values) {
      EXPECT_EQ(std::ranges::count(values, value), value == "first" ? 1 : 5) << "round " << value;
    }
  }
}

TEST_F(TopicQueueTest, AFaultyEventIsUndeliverableOnceItsTopicHasAcceptedOthersAgain) {
  Open();
  kafka_->Brokers().Break(kTopic, true);
  Add("bad", "k");
  Pass(milliseconds(300));
  EXPECT_TRUE(undeliverable_.empty());
  kafka_->Brokers().Break(kTopic, false);
  Add("good", "other");
  Pass(milliseconds(300));
  EXPECT_TRUE(undeliverable_.empty()) << "it has one more try, which was accepted";
  EXPECT_EQ(std::ranges::count(Delivered(), "bad"), 1);
  EXPECT_TRUE(faults_.empty());
}

TEST_F(TopicQueueTest, ATopicThatAcceptsNothingCostsNoEvent) {
  Open();
  Add("before", "k");
  Pass(seconds(1));
  kafka_->Brokers().Break(kTopic, true);
  for (int i = 0; i < 20; ++i) {
    Add("v" + std::to_string(i), "k" + std::to_string(i));
    Pass(seconds(30));
  }
  EXPECT_TRUE(undeliverable_.empty());
  EXPECT_EQ(faults_, Strings{"all_refused"}) << "reported once";
  kafka_->Brokers().Break(kTopic, false);
  Pass(minutes(1));
  EXPECT_EQ(Delivered().size(), 21U) << "one was retried now and then, and then all";
  EXPECT_TRUE(undeliverable_.empty());
}

TEST_F(TopicQueueTest, AnEventWithoutAKeyIsUndeliverableToACompactedTopic) {
  Open();
  kafka_->Brokers().Break(kTopic, true);
  queue_->UseRules({.compacted = true});
  Add("without");
  Add("with", "k");
  Pass(milliseconds(300));
  EXPECT_EQ(undeliverable_["without"], (std::pair<std::string, uint32_t>("invalid_record", 1)));
  EXPECT_FALSE(undeliverable_.contains("with"));
}

TEST_F(TopicQueueTest, EventsRejectedBeforeTheirTopicWasKnownToBeCompactedAreUndeliverable) {
  Open();
  kafka_->Brokers().Break(kTopic, true);
  for (int i = 0; i < 20; ++i) {
    Add("without" + std::to_string(i));
    Pass(seconds(1));
  }
  EXPECT_TRUE(undeliverable_.empty());
  queue_->UseRules({.compacted = true});
  Pass(seconds(11));  // until the retried one is answered
  EXPECT_EQ(undeliverable_.size(), 20U);
}

TEST_F(TopicQueueTest, ARejectedDeadLetterIsReportedAtOnce) {
  Open();
  kafka_->Brokers().Break(kTopic, true);
  AddDeadLetter("letter");
  Pass(seconds(1));
  EXPECT_EQ(undeliverable_["letter"], (std::pair<std::string, uint32_t>("invalid_record", 1)));
}

TEST_F(TopicQueueTest, AnUnknownTopicIsWaitedForAsLongAsItsGrace) {
  Open(1, {.unknown_topic_grace = minutes(1)});
  kafka_->Brokers().Delete(kTopic);
  Add("event", "k");
  AddDeadLetter("letter");
  Pass(seconds(4));
  EXPECT_TRUE(undeliverable_.empty());
  Pass(seconds(20));
  EXPECT_TRUE(undeliverable_.contains("letter")) << "dead letters wait for a shorter time";
  EXPECT_FALSE(undeliverable_.contains("event"));
  Add("later", "k");
  Pass(seconds(50));
  EXPECT_EQ(undeliverable_["event"], (std::pair<std::string, uint32_t>("unknown_topic", 1)));
  EXPECT_FALSE(undeliverable_.contains("later")) << "each waits for its own time";
  kafka_->Brokers().MakeAgain(kTopic, 2);
  Pass(seconds(20));
  EXPECT_EQ(Delivered(), Strings{"later"});
}

TEST_F(TopicQueueTest, TheGraceBeginsWhenBrokersSayThatThereIsNoSuchTopic) {
  Open(1, {.unknown_topic_grace = minutes(1)});
  kafka_->Brokers().TakeDown(0);
  Add("event", "k");
  AddDeadLetter("letter");
  Pass(minutes(5));
  kafka_->Brokers().Delete(kTopic);
  kafka_->Brokers().ComeUp(0);
  Pass(seconds(3));
  EXPECT_TRUE(undeliverable_.empty()) << "an outage says nothing about the topic";
  kafka_->Brokers().MakeAgain(kTopic, 2);
  Pass(seconds(30));
  EXPECT_EQ(Delivered().size(), 2U);
}

TEST_F(TopicQueueTest, WaitingEventsGoToTheNewPartitionsInOrder) {
  Open();
  Add("first", "k");
  Pass(seconds(1));
  kafka_->Brokers().TakeDown(0);
  std::set<std::string> keys;
  for (int i = 0; i < 200; ++i) {
    const std::string key = "k" + std::to_string(i % 20);
    Add(key + ":" + std::to_string(i), key);
    keys.insert(key);
    if (i % 50 == 0) Pass(seconds(1));
  }
  kafka_->Brokers().AddPartitions(kTopic, 7);
  kafka_->Brokers().ComeUp(0);
  Pass(minutes(1));
  EXPECT_EQ(Delivered().size(), 201U);
  std::map<std::string, std::vector<std::pair<uint64_t, int>>> by_key;  // order, number
  for (int partition = 0; partition < kPartitions + 7; ++partition) {
    for (const auto& record : kafka_->Brokers().Log(kTopic, partition)) {
      if (record.value == "first") continue;
      by_key[*record.key].emplace_back(record.order,
                                       std::stoi(record.value.substr(record.value.find(':') + 1)));
    }
  }
  EXPECT_EQ(by_key.size(), keys.size());
  for (auto& [key, arrived] : by_key) {
    std::ranges::sort(arrived);
    EXPECT_TRUE(std::ranges::is_sorted(arrived, {}, [](const auto& one) { return one.second; })) << key;
  }
}

TEST_F(TopicQueueTest, OnlyTheKeysOfAnUnreachablePartitionWaitForIt) {
  Open(2);
  Add("first", "k");
  Pass(seconds(1));
  kafka_->Brokers().SetLeader(kTopic, 0, 1);
  for (int i = 1; i < kPartitions; ++i) kafka_->Brokers().SetLeader(kTopic, static_cast<size_t>(i), 0);
  Pass(seconds(1));
  // One is out to partition 0, and its broker hangs; 0 of 4 becomes 0 or 4 of 8.
  Add("proof", KeyOf(0));
  Pass(seconds(1));
  kafka_->Brokers().Stop(1);
  Add("out", KeyOf(4, 8));
  Pass(milliseconds(100));
  kafka_->Brokers().AddPartitions(kTopic, 4);
  for (size_t i = 4; i < 8; ++i) kafka_->Brokers().SetLeader(kTopic, i, 0);
  Pass(minutes(6));  // then metadata is requested again
  ASSERT_EQ(queue_->Partitions(), 8U);
  Delivered();
  Add("behind", KeyOf(4, 8));
  Add("free", KeyOf(5, 8));
  Pass(seconds(2));
  EXPECT_EQ(Delivered(), Strings{"free"});
  kafka_->Brokers().GoOn(1);
  Pass(minutes(1));
  EXPECT_EQ(Delivered(), (Strings{"out", "behind"}));
}

TEST_F(TopicQueueTest, APartitionThatDeliversNothingWhileOthersDoIsStalled) {
  StopTheLeaderOfTheFirstPartition();
  Add("stalled", KeyOf(0));
  Pass(seconds(3));
  EXPECT_TRUE(queue_->Stalled(kafka_->Now(), {.after = seconds(2), .after_if_large = seconds(2)}).empty())
      << "nothing else has moved since then";
  for (uint64_t i = 0; i < TopicQueue::kStalledDeliveriesMin; ++i) Add("moves", KeyOf(1));
  Pass(seconds(1));
  EXPECT_EQ(queue_->Stalled(kafka_->Now(), {.after = seconds(2), .after_if_large = seconds(2)}),
            std::vector<int32_t>{0});
  EXPECT_TRUE(queue_->Stalled(kafka_->Now(), {.after = minutes(1), .after_if_large = minutes(1)}).empty());
  EXPECT_EQ(queue_->Stalled(kafka_->Now(), {.after = minutes(1), .large_records = 1}),
            std::vector<int32_t>{0});
  EXPECT_TRUE(queue_->Stalled(kafka_->Now(), {.after = minutes(1), .large_records = 2}).empty());
  kafka_->Brokers().GoOn(1);
  Pass(minutes(1));
  EXPECT_TRUE(queue_->Stalled(kafka_->Now(), {.after = seconds(2), .after_if_large = seconds(2)}).empty());
}

TEST_F(TopicQueueTest, APartitionIsStalledAfterATenthOfASecondByDefault) {
  StopTheLeaderOfTheFirstPartition();
  const base::SteadyTime began = kafka_->Now();
  Add("stalled", KeyOf(0));
  Pass(seconds(3));
  for (uint64_t i = 1; i < TopicQueue::kStalledDeliveriesMin; ++i) Add("moves", KeyOf(1));
  Pass(seconds(1));
  EXPECT_TRUE(queue_->Stalled(kafka_->Now(), {}).empty()) << "too few were delivered elsewhere";
  Add("moves", KeyOf(1));
  Pass(seconds(1));
  for (const uint64_t large : {uint64_t{1}, UINT64_MAX}) {
    const StallRule rule{.large_records = large};
    EXPECT_TRUE(queue_->Stalled(began + milliseconds(100) - base::Duration(1), rule).empty());
    EXPECT_EQ(queue_->Stalled(began + milliseconds(100), rule), std::vector<int32_t>{0});
  }
}

TEST_F(TopicQueueTest, AnEventDoesNotJoinRecordsThatWereGivenBack) {
  Open(1, {.unknown_topic_grace = seconds(10)});
  ClusterView::Topic missing;
  missing.error = wire::ErrorCode::kUnknownTopicOrPartition;
  const base::SteadyTime began = kafka_->Now();
  queue_->OnTopic(missing, began);
  values_.push_back("back");
  Batches back;
  back.push_back(std::make_unique<Batch>(7, /*dead letters=*/false));
  back.front()->records.Append("k", "back", {});
  back.front()->tokens.push_back(0);
  back.front()->runs.push_back({began, 0, 1, 10});
  back.front()->began = began;
  queue_->OnPartitionGone(std::move(back));
  kafka_->Advance(began + milliseconds(500));
  Add("new", "k");
  kafka_->Advance(began + milliseconds(900));
  Add("with it", "k");
  queue_->OnTopic(missing, began + seconds(10));
  EXPECT_EQ(undeliverable_.size(), 1U);
  EXPECT_TRUE(undeliverable_.contains("back"));
  queue_->OnTopic(missing, began + milliseconds(10'500));
  EXPECT_EQ(undeliverable_.size(), 3U);
}

TEST_F(TopicQueueTest, ATopicThatMayNotBeDescribedKeepsItsEventsAndLosesItsDeadLetters) {
  using wire::ErrorCode;
  const std::vector<std::pair<ErrorCode, std::string>> faults = {
      {ErrorCode::kTopicAuthorizationFailed, "not_authorized"},
      {ErrorCode::kInvalidTopic, "misconfigured"},
      {ErrorCode::kPolicyViolation, "misconfigured"}};
  for (const auto& [error, code] : faults) {
    Open();
    Add("event", "k");
    AddDeadLetter("letter");
    ClusterView::Topic refused;
    refused.error = error;
    const base::SteadyTime now = kafka_->Now();
    queue_->OnTopic(refused, now);
    EXPECT_EQ(std::exchange(faults_, {}), Strings{code});
    const bool waits = error == ErrorCode::kPolicyViolation;
    EXPECT_EQ(undeliverable_.contains("letter"), !waits) << code;
    queue_->OnTopic(refused, now + TopicQueue::kDeadLetterWait - base::Duration(1));
    EXPECT_EQ(undeliverable_.contains("letter"), !waits) << code;
    queue_->OnTopic(refused, now + TopicQueue::kDeadLetterWait);
    EXPECT_EQ(undeliverable_["letter"].first, code);
    queue_->OnTopic(refused, now + std::chrono::hours(100));
    EXPECT_FALSE(undeliverable_.contains("event"));
    undeliverable_.clear();
    faults_.clear();
    queue_.reset();
    producer_.reset();
    values_.clear();
  }
}

// --- after a crash

TEST_F(TopicQueueTest, BatchesOfAPreviousRunAreNotThereTwice) {
  const std::string key = KeyOf(1);
  CrashBehindTwo(key);
  Add("a", key, 0);
  Pass(seconds(1));
  EXPECT_EQ(Delivered(), Strings()) << "the batch was one of two";
  Add("b", key, 1);
  Add("c", key);
  Pass(seconds(1));
  EXPECT_EQ(Delivered(), (Strings{"a", "b", "c"}));
  EXPECT_EQ(Stored().at(1), (Strings{"a", "b", "c"}));
  EXPECT_EQ(possible_repeats_, 0U);
}

TEST_F(TopicQueueTest, BatchesOfAPreviousRunAreGivenUpWhenAnEventOfThemIsGone) {
  const std::string key = KeyOf(1);
  CrashBehindTwo(key);
  Add("b", key, 1);  // so there is no "a"
  Pass(seconds(1));
  EXPECT_EQ(Stored().at(1), (Strings{"a", "b", "b"}));
  EXPECT_EQ(possible_repeats_, 2U);
}

TEST_F(TopicQueueTest, BatchesOfAPreviousRunAreGivenUpWhenTheirEventsDontCome) {
  const std::string key = KeyOf(1);
  CrashBehindTwo(key);
  Add("a", key, 0);
  Pass(TopicQueue::kResumeWait - seconds(1));
  EXPECT_EQ(Stored().at(1), (Strings{"a", "b"}));
  Pass(seconds(2));
  EXPECT_EQ(Stored().at(1), (Strings{"a", "b", "a"}));
  EXPECT_EQ(possible_repeats_, 2U);
}

// The key now belongs to another partition, where its events wait for those sent to the old partition.
TEST_F(TopicQueueTest, ResumedEventsKeepTheirPlaceInATopicThatHasGrown) {
  Open();
  std::string key;
  for (int i = 0; key.empty(); ++i) {
    const std::string name = "k" + std::to_string(i);
    const uint32_t hash = base::Murmur2(name) & 0x7fffffff;
    if (hash % kPartitions == 1 && hash % (2 * kPartitions) == 5) key = name;
  }
  for (const std::string value : {"a", "b"}) Add(value, key);
  Pass(seconds(1));
  kafka_->Brokers().AddPartitions(kTopic, kPartitions);

  Start();
  Resume();
  Pass(seconds(1));
  Add("a", key, 0);
  Add("b", key, 1);
  Add("c", key);
  kafka_->Brokers().Stop(0);
  Pass(seconds(1));
  kafka_->Brokers().GoOn(0);
  Pass(seconds(60));
  EXPECT_EQ(Stored().at(1), (Strings{"a", "b"}));
  EXPECT_EQ(Stored().at(5), Strings{"c"});
}

}  // namespace
}  // namespace ei::kafka::native
