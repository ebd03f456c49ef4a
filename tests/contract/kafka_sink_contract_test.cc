#include "adapters/kafka/kafka_sink.h"
#include "contract/event_sink_contract.h"
#include "support/loopback_kafka.h"
#include "support/null_log.h"
#include "support/virtual_clock.h"

namespace ei::contract {
namespace {

// Brokers that reject some requests, so that retries must keep the order too.
class KafkaSinkHarness {
 public:
  KafkaSinkHarness() {
    kafka::KafkaOptions options;
    options.brokers = kafka_.Addresses();
    options.lanes = kLanes;
    auto created = kafka::KafkaSink::Create(options, clock_, log_);
    if (!created) {
      ADD_FAILURE() << created.error().message;
      std::abort();
    }
    sink_ = std::move(*created);
  }

  EventSink& Sink() { return *sink_; }
  void Close() { sink_.reset(); }

  std::vector<std::string> Values(size_t /*all are there*/) {
    std::vector<std::string> values;
    for (auto& record : kafka_.Log("events")) values.push_back(std::move(record.value));
    return values;
  }

  std::vector<StoredDeadLetter> DeadLetters(size_t /*all are there*/) {
    std::vector<StoredDeadLetter> dead_letters;
    for (auto& record : kafka_.Log("events-dlq")) {
      const auto header = [&](std::string_view name) {
        for (const auto& [known, value] : record.headers) {
          if (known == name) return value;
        }
        return std::string();
      };
      dead_letters.push_back({header("dlq_code"), header("dlq_reason"), header("dlq_attempts"),
                              header("dlq_failed_at"), record.key, record.value});
    }
    return dead_letters;
  }

 private:
  support::LoopbackKafka kafka_{7, {.refused_percent = 3}, 3, {"events", "events-dlq"}, 4};
  support::RealClock clock_;
  support::NullLog log_;
  std::unique_ptr<kafka::KafkaSink> sink_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(KafkaSink, EventSinkContract, KafkaSinkHarness);

}  // namespace
}  // namespace ei::contract
