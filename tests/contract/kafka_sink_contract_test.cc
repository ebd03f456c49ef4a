#include "adapters/kafka/kafka_sink.h"
#include "contract/event_sink_contract.h"
#include "support/null_log.h"
#include "unit/adapters/kafka/mock_cluster.h"

namespace ei::contract {
namespace {

class KafkaSinkHarness {
 public:
  KafkaSinkHarness() {
    kafka::KafkaOptions options;
    options.brokers = cluster_.Brokers();
    options.lanes = 4;
    auto created = kafka::KafkaSink::Create(options, log_);
    if (!created) {
      ADD_FAILURE() << created.error().message;
      std::abort();
    }
    sink_ = std::move(*created);
    events_ = std::make_unique<kafka::TopicReader>(cluster_.Brokers(), "events", cluster_.Partitions());
    // The cluster forgets what is older than a few requests: this keeps the sink from outrunning the reader.
    cluster_.AnswerNextAfter(kafka::MockCluster::kProduce, 25, std::chrono::milliseconds(20));
  }

  app::EventSink& Sink() { return *sink_; }
  void Close() { sink_.reset(); }

  std::vector<std::string> Values(size_t /*all are there*/) {
    std::vector<std::string> values;
    for (auto& record : events_->ToEnd()) values.push_back(std::move(record.value));
    return values;
  }

  std::vector<StoredDeadLetter> DeadLetters(size_t /*all are there*/) {
    std::vector<StoredDeadLetter> letters;
    for (const auto& record : cluster_.Read("events-dlq")) {
      letters.push_back({record.Header("dlq_code"), record.Header("dlq_reason"),
                         record.Header("dlq_attempts"), record.Header("dlq_failed_at"), record.key,
                         record.value});
    }
    return letters;
  }

 private:
  kafka::MockCluster cluster_;
  support::NullLog log_;
  std::unique_ptr<kafka::KafkaSink> sink_;
  std::unique_ptr<kafka::TopicReader> events_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(KafkaSink, EventSinkContract, KafkaSinkHarness);

}  // namespace
}  // namespace ei::contract
