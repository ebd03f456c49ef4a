#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "adapters/kafka/kafka_options.h"
#include "app/dead_letter_headers.h"
#include "app/ports/event_sink.h"
#include "app/ports/log.h"
#include "base/result.h"

namespace ei::kafka {

// A record for a topic. Key and value are not copied: they stay valid until the report.
struct Record {
  std::string_view value;
  std::string_view key;
  bool has_key = false;
  void* opaque = nullptr;  // comes back with the report
};

// Where a delivered record stands.
struct Place {
  int32_t partition = -1;
  int64_t offset = -1;
};

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
  };

  // `sole`: each record gets a request of its own. The listener outlives the producer.
  static base::Result<std::unique_ptr<Producer>> Create(const KafkaOptions& options, bool sole,
                                                        Listener& listener, app::Log& log);

  // Purges what is left (each record gets its report) and joins the poll thread; takes a few seconds at most.
  ~Producer();

  // In the order given. OnReportsEnd is called when some were refused at once.
  void Produce(std::span<const Record> records);
  void ProduceTo(const std::string& topic, const Record& record, const Headers& headers);

  // True after a fatal error of the idempotent producer: it will deliver nothing more, and a new one is
  // needed.
  bool Broken() const { return broken_.load(std::memory_order_acquire); }

  // Sends what lingers; waits a few milliseconds at most.
  void Flush();

  // Whether a broker has ever told about the cluster, as each does when it is connected to.
  bool Reached() const;

 private:
  Producer(Listener& listener, app::Log& log) : listener_(listener), log_(log) {}
  void Poll();
  void OnDeliveryReports(rd_kafka_event_t* event);
  void OnError(rd_kafka_event_t* event);
  void OnLog(rd_kafka_event_t* event);
  void Retire();
  void Purge();

  Listener& listener_;
  app::Log& log_;
  rd_kafka_t* client_ = nullptr;
  rd_kafka_topic_t* topic_ = nullptr;
  rd_kafka_queue_t* queue_ = nullptr;
  std::atomic<bool> broken_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace ei::kafka
