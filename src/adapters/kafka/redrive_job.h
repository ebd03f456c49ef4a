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

// Stores the progress of a redrive in the offsets of a consumer group named after the job, so that the
// progress can be saved in the same transaction as the records that were sent.
//
// For dead letters in a topic the progress is the offsets of its partitions. For dead letters in files it is
// one place (segment and offset), written to the metadata of the offset of partition 0 of `topic`, which may
// be any existing topic. The metadata also has a note that describes the job.
//
// Brokers delete the offsets of a group that has saved none for offsets.retention.minutes (7 days by
// default). One thread.
class RedriveJob {
 public:
  enum class DeadLetters : uint8_t { kInTopic, kInFiles };

  static constexpr size_t kNoteBytesMax = 3000;  // brokers accept 4,096 bytes of metadata by default

  struct Options {
    DeadLetters dead_letters = DeadLetters::kInTopic;
    std::string topic;
    std::string name;
    std::string note;
  };
  // Blocks until the topic's partitions are known. All calls that wait for brokers end with kUnavailable when
  // `stop` returns true or the BrokerDeadline has passed. `factory` and `clock` must outlive the job.
  static base::Result<std::unique_ptr<RedriveJob>> Open(ClientFactory& factory, Options options,
                                                        const ei::Clock& clock, std::function<bool()> stop);

  const std::string& Name() const { return options_.name; }
  const std::string& Topic() const { return options_.topic; }
  int Partitions() const { return partitions_; }
  rd_kafka_t* Client() const { return client_.get(); }
  bool Stopped() const { return stop_(); }
  const ei::Clock& Clock() const { return clock_; }
  BrokerDeadline& Deadline() const { return deadline_; }
  ClientFactory& Factory() const { return factory_; }

  // Returns the saved progress. Empty: none was saved, or the brokers have deleted it.
  base::Result<DeadLetterOffsets> Saved() const;

  // Returns the progress and notes of all jobs whose names begin with `prefix`, including this one. Sends one
  // request a job; leaves out jobs whose offsets can't be read.
  struct OtherJob {
    DeadLetterOffsets places;
    std::string note;
  };
  base::Result<std::vector<OtherJob>> All(std::string_view prefix) const;

  // Returns what Saved() will return after `places` were saved.
  DeadLetterOffsets AsSaved(const DeadLetterOffsets& places) const;

  PartitionList ListOf(const DeadLetterOffsets& places) const;

  // Saves the progress without a transaction.
  base::Result<void> Save(const DeadLetterOffsets& places) const;

 private:
  // When the cluster has fewer brokers than these settings require, the brokers can't create their internal
  // topics. The only symptom for a client is that no coordinator is found.
  static constexpr std::string_view kHint =
      "on a small cluster: offsets.topic.replication.factor and transaction.state.log.replication.factor may "
      "require more brokers than the cluster has";

  RedriveJob(ClientFactory& factory, Options options, const ei::Clock& clock, std::function<bool()> stop)
      : factory_(factory),
        options_(std::move(options)),
        stop_(std::move(stop)),
        clock_(clock),
        deadline_(clock, factory.FaultLog(), kHint) {}
  base::Result<void> FindPartitions();
  void LogFaults();
  OtherJob ProgressIn(const rd_kafka_topic_partition_list_t& offsets) const;

  ClientFactory& factory_;
  const Options options_;
  const std::function<bool()> stop_;
  const ei::Clock& clock_;
  mutable BrokerDeadline deadline_;
  RdKafkaHandle client_;
  int partitions_ = 0;
};

}  // namespace ei::kafka
