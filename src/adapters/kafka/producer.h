#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "adapters/kafka/kafka_options.h"
#include "adapters/kafka/size_limits.h"
#include "adapters/kafka/topics.h"
#include "app/dead_letter_headers.h"
#include "app/ports/event_sink.h"
#include "app/ports/log.h"
#include "base/mutex.h"
#include "base/result.h"

namespace ei::kafka {

// A record for a topic. Key and value are not copied: they stay valid until the report.
struct Record {
  std::string_view value;
  std::string_view key;
  bool has_key = false;
  void* opaque = nullptr;  // comes back with the report
};

// Where a delivered record stands; of one that isn't, the topic alone.
struct Place {
  std::string_view topic = {};  // one that Topics keeps
  int32_t partition = -1;
  int64_t offset = -1;
};

// The bits of a record's opaque that say which partition is wanted for a record without a key;
// Topic::kPartitionsMax: any.
inline constexpr int kOpaquePartitionShift = 38;

using Headers = app::Headers;

// One librdkafka producer (acks=all, idempotent, endless retries) and the thread that polls it. Delivery
// reports decide; librdkafka itself never gives a record up, because message.timeout.ms is infinite.
//
// A report is believed only with the record's offset. Without one librdkafka has merely concluded that the
// record must stand in the log, because a later one of the partition does; a broker that knows nothing of the
// producer yet takes any first sequence number, so that conclusion can be wrong (KAFKA-14359). Such a report
// is given as RD_KAFKA_RESP_ERR__STATE. docs/decisions/0004 has the story.
//
// Produce* may be called from any thread.
class Producer {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    // On the poll thread, or within Produce* for a record that librdkafka refused at once.
    virtual void OnReport(void* opaque, rd_kafka_resp_err_t error, std::string_view reason, Place place) = 0;
    // All reports of one poll have been given.
    virtual void OnReportsEnd() = 0;
    // Something that is no record's own. `code` is a constant.
    virtual void OnFault(std::string_view code) = 0;
    // See SizeLimits::Learnt; never of a sole producer.
    virtual void OnTopicKnown(std::string_view topic, const SizeLimits::Known& known) = 0;
    // A request of several records, of so many bytes uncompressed, was too large for its topic.
    virtual void OnBatchTooLarge(std::string_view topic, uint64_t bytes) = 0;
  };

  // `sole`: each record gets a request of its own. Listener and topics outlive the producer.
  static base::Result<std::unique_ptr<Producer>> Create(const KafkaOptions& options, bool sole,
                                                        Topics& topics, Listener& listener, app::Log& log);

  // Purges what is left (each record gets its report) and joins the poll thread; takes a few seconds at most.
  ~Producer();

  // In the order given. OnReportsEnd is called when some were refused at once.
  void Produce(std::string_view topic, std::span<const Record> records);
  void Produce(std::string_view topic, const Record& record, const Headers& headers);

  // True after a fatal error of the idempotent producer: it will deliver nothing more, and a new one is
  // needed.
  bool Broken() const { return broken_.load(std::memory_order_acquire); }

  // Ends it as a fatal error would: what it holds is given back, and a new one is needed.
  void Break();

  // Whether every record has been reported.
  bool Idle() const { return rd_kafka_outq_len(client_) == 0; }

  // For its next connections.
  void UsePassword(const std::string& username, const std::string& password);
  base::Result<void> UseToken(const app::AccessToken& token);

  // The source of the tokens refuses; as when the brokers do.
  void RefusedBySource(std::string_view detail) { OnRefusal("token_refused", detail); }

  // Sends what lingers; waits a few milliseconds at most.
  void Flush();

  // What its brokers have said so far. contact: kReached once one has told about the cluster, as each does
  // when it is connected to.
  app::SinkStatus Status() const;

 private:
  Producer(std::string mechanism, Topics& topics, Listener& listener, app::Log& log)
      : mechanism_(std::move(mechanism)), topics_(topics), listener_(listener), log_(log) {}
  bool Compresses(const rd_kafka_topic_conf_t* topic) const;
  // Null when librdkafka refuses the topic.
  rd_kafka_topic_t* HandleOf(std::string_view topic) EXCLUDES(mutex_);
  void Refuse(std::string_view topic, void* opaque, rd_kafka_resp_err_t error);
  void Poll();
  void AskForSizeLimits(base::SteadyTime now);
  void OnDeliveryReports(rd_kafka_event_t* event);
  void OnError(rd_kafka_event_t* event);
  void OnFatalError();
  void OnThrottle(std::string_view broker, int millis);
  void OnRefusal(std::string_view code, std::string_view detail);
  void OnAcceptance();
  void OnLog(rd_kafka_event_t* event);
  bool Reached() const;
  void Retire();
  void Purge();

  const std::string mechanism_;              // of SASL; for messages
  std::unique_ptr<SizeLimits> size_limits_;  // null: sole
  Topics& topics_;
  Listener& listener_;
  app::Log& log_;
  rd_kafka_t* client_ = nullptr;
  rd_kafka_queue_t* queue_ = nullptr;
  std::atomic<bool> broken_{false};
  std::atomic<bool> tried_{false};
  std::atomic<bool> refused_{false};
  std::atomic<bool> refusal_logged_{false};  // of the present credentials
  mutable std::atomic<bool> reached_{false};
  std::atomic<int> pause_millis_{0};                // the longest that a broker has asked for
  std::map<std::string, int, std::less<>> pauses_;  // by broker; the poll thread's
  std::atomic<bool> stop_{false};
  std::thread thread_;

  base::Mutex mutex_;
  std::map<std::string, rd_kafka_topic_t*, std::less<>> handles_ GUARDED_BY(mutex_);
};

}  // namespace ei::kafka
