// The reference for batches: librdkafka alone, writing the same records as the load generator's events
// become, with the delivery guarantees of the service. Prints one JSON object. Exit status 1 if a record was
// not delivered.

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "bench/event_template.h"

namespace ei::bench {
namespace {

struct Counts {
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;
};

void OnDelivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto& counts = *static_cast<Counts*>(opaque);
  ++(message->err == RD_KAFKA_RESP_ERR_NO_ERROR ? counts.delivered : counts.failed);
}

struct ProducerCloser {
  void operator()(rd_kafka_t* producer) const { rd_kafka_destroy(producer); }
};
using Producer = std::unique_ptr<rd_kafka_t, ProducerCloser>;

// `in_flight_max`: unanswered requests per connection; idempotence allows at most five.
base::Result<Producer> NewProducer(const std::string& brokers, int in_flight_max, Counts& counts) {
  std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)> conf(rd_kafka_conf_new(),
                                                                          &rd_kafka_conf_destroy);
  const std::array<std::pair<const char*, std::string>, 8> settings{{
      {"bootstrap.servers", brokers},
      {"acks", "all"},
      {"enable.idempotence", "true"},
      {"max.in.flight.requests.per.connection", std::to_string(in_flight_max)},
      {"partitioner", "murmur2_random"},
      {"linger.ms", "5"},
      {"message.timeout.ms", "0"},
      {"log_level", "3"},
  }};
  std::array<char, 512> why{};
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf.get(), name, value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK) {
      return base::Fail(base::ErrorKind::kInvalid, why.data());
    }
  }
  rd_kafka_conf_set_opaque(conf.get(), &counts);
  rd_kafka_conf_set_dr_msg_cb(conf.get(), &OnDelivery);
  Producer producer(rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), why.data(), why.size()));
  if (!producer) return base::Fail(base::ErrorKind::kInvalid, why.data());
  conf.release();  // the producer owns it now
  return producer;
}

struct Cpu {
  double user_us;
  double system_us;
};

// CPU time of all threads.
Cpu CpuSoFar() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return {.user_us = us(usage.ru_utime), .system_us = us(usage.ru_stime)};
}

class Run {
 public:
  Run(rd_kafka_t* producer, rd_kafka_topic_t* topic, const Counts& counts, std::size_t event_bytes)
      : producer_(producer),
        topic_(topic),
        counts_(counts),
        event_(EventTemplate::Event(NewRunPrefix(), event_bytes)),
        record_(event_.Text()) {}

  // Produces `messages` records and waits for the delivery report of each, at most `patience` after the last
  // one.
  base::Result<void> Send(std::uint64_t messages, std::chrono::seconds patience) {
    const std::uint64_t reports = counts_.delivered + counts_.failed + messages;
    for (const std::uint64_t end = next_ + messages; next_ < end; ++next_) {
      if (const auto sent = SendOne(); !sent) return sent;
      constexpr std::uint64_t kPollEvery = 512;
      if (next_ % kPollEvery == 0) rd_kafka_poll(producer_, 0);
    }
    rd_kafka_flush(producer_, static_cast<int>(std::chrono::milliseconds(patience).count()));
    if (counts_.delivered + counts_.failed < reports) {
      return base::Fail(base::ErrorKind::kUnavailable, "delivery reports are missing after the time limit");
    }
    if (counts_.failed > 0) {
      return base::Fail(base::ErrorKind::kUnavailable, fmt::format("{} records failed", counts_.failed));
    }
    return {};
  }

 private:
  base::Result<void> SendOne() {
    event_.Number(record_, next_);
    const std::string_view key = event_.Id(0);
    const char* const key_now = record_.data() + (key.data() - event_.Text().data());
    while (rd_kafka_produce(topic_, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, record_.data(),
                            record_.size(), key_now, key.size(), nullptr) != 0) {
      if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        return base::Fail(base::ErrorKind::kUnavailable, rd_kafka_err2str(rd_kafka_last_error()));
      }
      rd_kafka_poll(producer_, 10);
    }
    return {};
  }

  rd_kafka_t* producer_;
  rd_kafka_topic_t* topic_;
  const Counts& counts_;
  const EventTemplate event_;
  std::string record_;
  std::uint64_t next_ = 0;
};

base::Result<void> Measure(const std::string& brokers, const std::string& topic_name, int in_flight_max,
                           std::uint64_t messages, std::size_t event_bytes, std::chrono::seconds patience) {
  Counts counts;
  auto producer = NewProducer(brokers, in_flight_max, counts);
  if (!producer) return std::unexpected(producer.error());
  const std::unique_ptr<rd_kafka_topic_t, decltype(&rd_kafka_topic_destroy)> topic(
      rd_kafka_topic_new(producer->get(), topic_name.c_str(), nullptr), &rd_kafka_topic_destroy);
  Run run(producer->get(), topic.get(), counts, event_bytes);

  // Sends one record before the clock starts, so that connections, metadata and the producer id exist, as in
  // a service that has been running for a while.
  if (const auto sent = run.Send(1, patience); !sent) return sent;
  const Cpu before = CpuSoFar();
  const auto started = std::chrono::steady_clock::now();
  if (const auto sent = run.Send(messages, patience); !sent) return sent;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  const Cpu after = CpuSoFar();
  const auto count = static_cast<double>(messages);
  const double user_us = (after.user_us - before.user_us) / count;
  const double system_us = (after.system_us - before.system_us) / count;
  fmt::print(R"({{"messages":{},"warm_up_messages":1,"seconds":{:.6f},"messages_per_s":{:.1f},)"
             R"("cpu_us_per_message":{:.4f},"user_us_per_message":{:.4f},"system_us_per_message":{:.4f}}})"
             "\n",
             messages, seconds, count / seconds, user_us + system_us, user_us, system_us);
  return {};
}

int Main(int argc, char** argv) {
  std::string brokers;
  std::string topic;
  std::uint64_t messages = 1'000'000;
  std::size_t event_bytes = 284;
  int in_flight_max = 5;
  unsigned patience_s = 60;
  CLI::App app("librdkafka alone: the reference for batches");
  app.add_option("--brokers", brokers)->required();
  app.add_option("--topic", topic)->required();
  app.add_option("--messages", messages)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--event-bytes", event_bytes)->check(CLI::Range(1, 1 << 20))->capture_default_str();
  app.add_option("--in-flight-max", in_flight_max, "unanswered requests on a connection")
      ->check(CLI::Range(1, 5))
      ->capture_default_str();
  app.add_option("--patience", patience_s, "longest wait for the last delivery reports, seconds")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto measured =
      Measure(brokers, topic, in_flight_max, messages, event_bytes, std::chrono::seconds(patience_s));
  if (measured) return 0;
  fmt::print(stderr, "bare_producer: {}\n", measured.error().message);
  return 1;
}

}  // namespace
}  // namespace ei::bench

int main(int argc, char** argv) { return ei::bench::Main(argc, argv); }
