#include "adapters/kafka/redrive_producer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/kafka/dead_letter_topic_reader.h"
#include "delivery/dead_letter_headers.h"
#include "support/null_log.h"
#include "support/recording_log.h"
#include "support/virtual_clock.h"
#include "unit/adapters/kafka/mock_cluster.h"

namespace ei::kafka {
namespace {

using RecordStatus = CommitOutcome::RecordStatus;

constexpr int16_t kEndTxn = 26;
constexpr int16_t kTxnOffsetCommit = 28;

class RedriveProducerTest : public testing::TestWithParam<bool> {
 protected:
  RedriveProducerTest() {
    KafkaOptions options;
    options.brokers = cluster_.Brokers();
    factory_ = std::make_unique<ClientFactory>(options, log_);
    auto job = RedriveJob::Open(
        *factory_, {RedriveJob::DeadLetters::kInTopic, "events-dlq", "job", "the note"}, clock_, [this] {
          clock_.Advance(passes_);
          return stop_;
        });
    EXPECT_TRUE(job.has_value()) << job.error().message;
    job_ = std::move(*job);
    Open();
  }

  void Open() {
    auto sender = RedriveProducer::Open(*job_, {GetParam(), [](base::Duration) {}});
    ASSERT_TRUE(sender.has_value()) << sender.error().message;
    sender_ = std::move(*sender);
  }

  Redelivery Redeliver(std::string id, std::string topic = "orders") {
    DeadLetterRecord& dead_letter = *dead_letters_.emplace_back(std::make_unique<DeadLetterRecord>());
    dead_letter.key = id;
    dead_letter.value = "{\"id\":\"" + id + "\"}";
    return {&dead_letter, std::move(topic), {{"dlq_redrives", "1"}}};
  }

  std::vector<std::string> Values(const std::string& topic) const {
    std::vector<std::string> values;
    for (const StoredRecord& record : cluster_.Read(topic)) values.push_back(record.value);
    std::ranges::sort(values);
    return values;
  }

  // The mock loses the offsets of transactions; the end-to-end tests check those of a real broker.
  void ExpectSaved() const {
    if (!GetParam()) {
      EXPECT_EQ(*job_->Saved(), kPlaces);
    }
  }

  const DeadLetterOffsets kPlaces{{0, 7}, {1, 0}, {2, 5}, {3, 1}};
  MockCluster cluster_;
  support::RecordingLog log_;
  support::VirtualClock clock_;
  base::Duration passes_{0};  // with each check for a stop
  bool stop_ = false;
  std::unique_ptr<ClientFactory> factory_;
  std::unique_ptr<RedriveJob> job_;
  std::unique_ptr<RedriveProducer> sender_;
  std::vector<std::unique_ptr<DeadLetterRecord>> dead_letters_;
};

TEST_P(RedriveProducerTest, WritesTheDeadLettersAndSavesTheProgress) {
  EXPECT_TRUE(sender_->Saved().empty());
  const std::vector<Redelivery> batch = {Redeliver("a"), Redeliver("b", "events")};
  const auto outcome = sender_->Commit(batch, kPlaces);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome->committed);
  EXPECT_EQ(Values("orders"), std::vector<std::string>{R"({"id":"a"})"});
  EXPECT_EQ(Values("events"), std::vector<std::string>{R"({"id":"b"})"});
  ExpectSaved();
  EXPECT_EQ(sender_->Saved(), kPlaces);
}

TEST_P(RedriveProducerTest, ProgressAloneIsSavedToo) {
  const auto outcome = sender_->Commit({}, kPlaces);
  ASSERT_TRUE(outcome && outcome->committed);
  ExpectSaved();
}

TEST_P(RedriveProducerTest, ARejectedDeadLetterIsNamed) {
  cluster_.AnswerNext(MockCluster::kProduce, {RD_KAFKA_RESP_ERR_INVALID_RECORD});
  const std::vector<Redelivery> batch = {Redeliver("a")};
  const auto outcome = sender_->Commit(batch, kPlaces);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_FALSE(outcome->committed);
  ASSERT_EQ(outcome->outcomes.size(), 1U);
  EXPECT_EQ(outcome->outcomes[0].fate, RecordStatus::kRefused);
  EXPECT_EQ(outcome->outcomes[0].code, "invalid_record");
  EXPECT_TRUE(job_->Saved()->empty());
  const auto again = sender_->Commit(batch, kPlaces);
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(again->committed);
  EXPECT_EQ(Values("orders").size(), 1U);
}

TEST_P(RedriveProducerTest, AnOutageIsWaitedForUntilAStop) {
  cluster_.GoDown();
  stop_ = true;
  const std::vector<Redelivery> batch = {Redeliver("a")};
  const auto outcome = sender_->Commit(batch, kPlaces);
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_TRUE(outcome->stopped);
  EXPECT_FALSE(outcome->committed);
}

INSTANTIATE_TEST_SUITE_P(Transactions, RedriveProducerTest, testing::Values(true, false),
                         [](const auto& mode) { return mode.param ? "With" : "Without"; });

class NoTransactionTest : public RedriveProducerTest {};

TEST_P(NoTransactionTest, AStopWaitsForReportsOfWhatWasSentAndSavesTheProgress) {
  cluster_.AnswerNextAfter(MockCluster::kProduce, 1, std::chrono::milliseconds(1500));
  stop_ = true;
  const std::vector<Redelivery> batch = {Redeliver("a")};
  const auto outcome = sender_->Commit(batch, kPlaces);
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_TRUE(outcome->committed);
  stop_ = false;
  ExpectSaved();
}

INSTANTIATE_TEST_SUITE_P(Transactions, NoTransactionTest, testing::Values(false));

class TransactionTest : public RedriveProducerTest {};

TEST_P(TransactionTest, OfSeveralThatAreRejectedTogetherNoneIsNamed) {
  cluster_.AnswerNext(MockCluster::kProduce, std::vector(20, RD_KAFKA_RESP_ERR_INVALID_RECORD));
  const std::vector<Redelivery> batch = {Redeliver("a"), Redeliver("a")};
  const auto outcome = sender_->Commit(batch, kPlaces);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_FALSE(outcome->committed);
  for (const auto& each : outcome->outcomes) EXPECT_EQ(each.fate, RecordStatus::kOpen);
}

TEST_P(TransactionTest, TemporaryErrorsAreRetried) {
  cluster_.AnswerNext(kTxnOffsetCommit, {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS});
  cluster_.AnswerNext(kEndTxn, {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE});
  const std::vector<Redelivery> batch = {Redeliver("a")};
  const auto outcome = sender_->Commit(batch, kPlaces);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome->committed);
  EXPECT_EQ(Values("orders").size(), 1U);
}

TEST_P(TransactionTest, AfterAFatalErrorUnsavedDeadLettersAreSentAgain) {
  cluster_.AnswerNext(kEndTxn, {RD_KAFKA_RESP_ERR_INVALID_TXN_STATE});
  const std::vector<Redelivery> batch = {Redeliver("a")};
  const auto outcome = sender_->Commit(batch, kPlaces);
  ASSERT_TRUE(outcome.has_value()) << outcome.error().message;
  EXPECT_TRUE(outcome->committed);
}

TEST_P(TransactionTest, ProgressThatAnotherMadeEndsThisOne) {
  ASSERT_TRUE(job_->Save({{0, 1}, {1, 0}, {2, 0}, {3, 0}}).has_value());
  cluster_.AnswerNext(kEndTxn, {RD_KAFKA_RESP_ERR_PRODUCER_FENCED});
  cluster_.AnswerNext(kTxnOffsetCommit, {RD_KAFKA_RESP_ERR_PRODUCER_FENCED});
  const std::vector<Redelivery> batch = {Redeliver("a")};
  const auto outcome = sender_->Commit(batch, kPlaces);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_NE(outcome.error().message.find("has taken over"), std::string::npos) << outcome.error().message;
}

TEST_P(TransactionTest, AnErrorOfMissingRightsNamesTheOptionWithoutTransactions) {
  sender_.reset();
  cluster_.AnswerNext(MockCluster::kInitProducerId,
                      std::vector(3, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED));
  const auto sender = RedriveProducer::Open(*job_, {true, [](base::Duration) {}});
  ASSERT_FALSE(sender.has_value());
  EXPECT_NE(sender.error().message.find("--no-transactions"), std::string::npos) << sender.error().message;
}

TEST_P(TransactionTest, GivesUpWhereNoCoordinatorEverComes) {
  constexpr int16_t kFindCoordinator = 10;
  sender_.reset();
  cluster_.AnswerNext(kFindCoordinator, std::vector(1000, RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE));
  passes_ = std::chrono::seconds(30);
  const auto sender = RedriveProducer::Open(*job_, {true, [](base::Duration) {}});
  ASSERT_FALSE(sender.has_value());
  EXPECT_EQ(sender.error().kind, base::ErrorKind::kUnavailable);
  EXPECT_NE(sender.error().message.find("replication.factor"), std::string::npos) << sender.error().message;
  EXPECT_GT(log_.Count("still waiting for the brokers"), 1U);
}

// Every call of every attempt is answered, but the dead letter is never written.
TEST_P(TransactionTest, GivesUpWhereADeadLetterNeverGetsThrough) {
  cluster_.AnswerNext(MockCluster::kProduce, std::vector(1000, RD_KAFKA_RESP_ERR_POLICY_VIOLATION));
  passes_ = std::chrono::seconds(10);
  const std::vector<Redelivery> batch = {Redeliver("a")};
  const auto outcome = sender_->Commit(batch, kPlaces);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().kind, base::ErrorKind::kUnavailable);
  EXPECT_NE(outcome.error().message.find("writing a dead letter to orders: "), std::string::npos)
      << outcome.error().message;
  EXPECT_GT(log_.Count("call=writing a dead letter to orders"), 1U);
  EXPECT_TRUE(job_->Saved()->empty());
}

INSTANTIATE_TEST_SUITE_P(Transactions, TransactionTest, testing::Values(true),
                         [](const auto&) { return "With"; });

class DeadLetterTopicReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    KafkaOptions options;
    options.brokers = cluster_.Brokers();
    factory_ = std::make_unique<ClientFactory>(options, log_);
    auto job = RedriveJob::Open(*factory_, {RedriveJob::DeadLetters::kInTopic, "events-dlq", "job", ""},
                                clock_, [] { return false; });
    ASSERT_TRUE(job.has_value());
    job_ = std::move(*job);
    auto sender = RedriveProducer::Open(*job_, {false, [](base::Duration) {}});
    ASSERT_TRUE(sender.has_value());
    sender_ = std::move(*sender);
  }
  std::vector<std::string> Read(const DeadLetterOffsets& from, DeadLetterOffsets* places) {
    auto dead_letters = DeadLetterTopicReader::Open(*job_, from);
    EXPECT_TRUE(dead_letters.has_value());
    std::vector<std::string> values;
    while (!(*dead_letters)->AtEnd()) {
      const auto dead_letter = (*dead_letters)->Next(std::chrono::milliseconds(100));
      EXPECT_TRUE(dead_letter.has_value());
      if (dead_letter && *dead_letter) values.push_back((*dead_letter)->value);
    }
    *places = (*dead_letters)->Places();
    std::ranges::sort(values);
    return values;
  }

  MockCluster cluster_;
  support::NullLog log_;
  support::VirtualClock clock_;
  std::unique_ptr<ClientFactory> factory_;
  std::unique_ptr<RedriveJob> job_;
  std::unique_ptr<RedriveProducer> sender_;
};

TEST_F(DeadLetterTopicReaderTest, ReadsToTheEndAndGoesOnFromThere) {
  const auto put = [&](std::vector<std::string> values) {
    std::vector<DeadLetterRecord> dead_letters(values.size());
    std::vector<Redelivery> batch;
    for (size_t i = 0; i < values.size(); ++i) {
      dead_letters[i].value = values[i];
      dead_letters[i].key = values[i];
      batch.push_back({&dead_letters[i], "events-dlq", {}});
    }
    EXPECT_TRUE(sender_->Commit(batch, {{0, 0}, {1, 0}, {2, 0}, {3, 0}})->committed);
  };
  put({"a", "b", "c", "d", "e"});
  DeadLetterOffsets places;
  EXPECT_EQ(Read({}, &places), (std::vector<std::string>{"a", "b", "c", "d", "e"}));
  uint64_t read = 0;
  for (const auto& [part, next] : places) read += next;
  EXPECT_EQ(read, 5U);
  put({"f"});
  EXPECT_EQ(Read(places, &places), std::vector<std::string>{"f"});
  // Without a reader nothing is read.
  rd_kafka_topic_partition_list_t* assigned = nullptr;
  ASSERT_EQ(rd_kafka_assignment(job_->Client(), &assigned), RD_KAFKA_RESP_ERR_NO_ERROR);
  EXPECT_EQ(assigned->cnt, 0);
  rd_kafka_topic_partition_list_destroy(assigned);
  // Places of an earlier topic of this name.
  EXPECT_EQ(Read({{0, 900}, {1, 900}, {2, 900}, {3, 900}}, &places), std::vector<std::string>());
}

TEST_F(DeadLetterTopicReaderTest, ADeadLetterIsReadAsItIsStored) {
  DeadLetterRecord with;
  with.key = "k";
  with.value = "value";
  DeadLetterRecord without;
  const std::vector<Redelivery> batch = {{&with, "events-dlq", {{"dlq_code", "c"}, {"dlq_reason", ""}}},
                                         {&without, "events-dlq", {}}};
  ASSERT_TRUE(sender_->Commit(batch, {{0, 0}, {1, 0}, {2, 0}, {3, 0}})->committed);
  auto reader = DeadLetterTopicReader::Open(*job_, {});
  ASSERT_TRUE(reader.has_value());
  EXPECT_EQ((*reader)->Read().done, 0U);
  EXPECT_EQ((*reader)->Read().total, 2U);
  std::vector<DeadLetterRecord> found;
  while (!(*reader)->AtEnd()) {
    auto next = (*reader)->Next(std::chrono::milliseconds(100));
    ASSERT_TRUE(next.has_value());
    if (*next) found.push_back(std::move(**next));
  }
  EXPECT_EQ((*reader)->Read().done, 2U);
  ASSERT_EQ(found.size(), 2U);
  std::ranges::sort(found, std::greater(), &DeadLetterRecord::value);
  EXPECT_EQ(found[0].key, "k");
  EXPECT_EQ(found[0].value, "value");
  EXPECT_EQ(found[0].headers,
            (std::vector<std::pair<std::string, std::string>>{{"dlq_code", "c"}, {"dlq_reason", ""}}));
  EXPECT_EQ(found[0].offset, 0U);
  EXPECT_GT(found[0].stored_at, base::WallTime());
  EXPECT_EQ(found[1].key, std::nullopt);
  EXPECT_EQ(found[1].value, "");
  EXPECT_TRUE(found[1].headers.empty());
}

}  // namespace
}  // namespace ei::kafka
