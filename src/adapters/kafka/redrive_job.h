#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "adapters/kafka/broker_deadline.h"
#include "adapters/kafka/client_factory.h"
#include "adapters/kafka/partition_list.h"
#include "base/result.h"
#include "redrive/dead_letter_source.h"

namespace ei::kafka {

// Where it is kept how far a redrive has come: in the offsets of a consumer group named after the job, so
// that they can be saved in one transaction with what was sent.
//
// Of dead letters in a topic these are the offsets of its partitions. Of those in files it is one place,
// written into the metadata that belong to the offset of partition 0 of `topic`, which may be any that
// exists. A note that says what the job is about stands in the metadata too.
//
// Brokers forget the offsets of a group that has not saved any for offsets.retention.minutes, 7 days unless
// set otherwise. One thread.
class RedriveJob {
 public:
  enum class DeadLetters : uint8_t { kInTopic, kInFiles };

  static constexpr size_t kNoteBytesMax = 3000;  // brokers take 4,096 bytes of metadata unless set otherwise

  struct Options {
    DeadLetters dead_letters = DeadLetters::kInTopic;
    std::string topic;
    std::string name;
    std::string note;
  };
  // `stop` ends whatever waits for brokers, with kUnavailable, as does BrokerDeadline. Pool and clock outlive
  // the job.
  static base::Result<std::unique_ptr<RedriveJob>> Open(ClientFactory& pool, Options options,
                                                        const ei::Clock& clock, std::function<bool()> stop);

  const std::string& Name() const { return options_.name; }
  const std::string& Topic() const { return options_.topic; }
  int Partitions() const { return partitions_; }
  rd_kafka_t* Client() const { return client_.get(); }
  bool Stopped() const { return stop_(); }
  const ei::Clock& Clock() const { return clock_; }
  BrokerDeadline& Patience() const { return patience_; }
  ClientFactory& Pool() const { return pool_; }

  // Empty: none, or the brokers have forgotten them.
  base::Result<DeadLetterOffsets> Saved() const;

  // How far the jobs have come whose names begin with `prefix`, this one included, and their notes. Each is
  // asked for by itself; those of which nothing can be told are left out.
  struct OtherJob {
    DeadLetterOffsets places;
    std::string note;
  };
  base::Result<std::vector<OtherJob>> All(std::string_view prefix) const;

  // These places, once saved, as Saved gives them.
  DeadLetterOffsets AsSaved(const DeadLetterOffsets& places) const;

  PartitionList ListOf(const DeadLetterOffsets& places) const;

  // Without a transaction.
  base::Result<void> Save(const DeadLetterOffsets& places) const;

 private:
  // Inner topics can't be made with fewer brokers than these ask for, and then nothing but this shows it.
  static constexpr std::string_view kHint =
      "on a small cluster: offsets.topic.replication.factor and transaction.state.log.replication.factor may "
      "ask for more brokers than there are";

  RedriveJob(ClientFactory& pool, Options options, const ei::Clock& clock, std::function<bool()> stop)
      : pool_(pool),
        options_(std::move(options)),
        stop_(std::move(stop)),
        clock_(clock),
        patience_(clock, pool.LogOfFaults(), kHint) {}
  base::Result<void> FindPartitions();
  void TellFaults();
  OtherJob ProgressIn(const rd_kafka_topic_partition_list_t& offsets) const;

  ClientFactory& pool_;
  const Options options_;
  const std::function<bool()> stop_;
  const ei::Clock& clock_;
  mutable BrokerDeadline patience_;
  RdKafkaHandle client_;
  int partitions_ = 0;
};

}  // namespace ei::kafka
