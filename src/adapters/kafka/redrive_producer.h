#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "adapters/kafka/redrive_job.h"
#include "base/time.h"
#include "redrive/redrive_target.h"

namespace ei::kafka {

// Writes dead letters to topics, partitioned as by the Java client, and saves the progress of the job.
//
// With transactions both happen or neither, even if the process is killed at any time: consumers that read
// committed records see each dead letter once. Another producer of the same job fences this one, which then
// ends. Without transactions (some clusters don't support them) each record is sent on its own, and records
// that were written shortly before a kill may be written again.
class RedriveProducer final : public RedriveTarget {
 public:
  struct Options {
    bool transactions = true;
    std::function<void(base::Duration)> wait;  // sleeps that long, or less when a stop is requested
  };

  // Blocks until an open transaction of an earlier producer of this job has ended. `job` must outlive the
  // producer.
  static base::Result<std::unique_ptr<RedriveProducer>> Open(RedriveJob& job, Options options);
  ~RedriveProducer() override;

  // The progress of earlier runs.
  const DeadLetterOffsets& Saved() const { return saved_; }

  base::Result<CommitOutcome> Commit(std::span<const Redelivery> dead_letters,
                                     const DeadLetterOffsets& places) override;

 private:
  // How an attempt ended.
  enum class Attempt : uint8_t {
    kCommitted,
    kRejected,   // dead letters were rejected; nothing is committed, or reports_ says which records are
                 // written
    kRetry,      // nothing is committed
    kUncertain,  // the producer is unusable and may have committed or not; or broken_ has an error
    kStopped,
  };

  RedriveProducer(RedriveJob& job, Options options)
      : job_(job),
        options_(std::move(options)),
        deadline_(job.Clock(), job.Factory().FaultLog(), "check the topics that the dead letters go to") {}
  base::Result<void> OpenProducer();
  void CloseProducer();

  Attempt Try(std::span<const Redelivery> dead_letters, const DeadLetterOffsets& places);
  Attempt FinishWithout(const DeadLetterOffsets& places);
  Attempt FinishTransaction(const DeadLetterOffsets& places);
  Attempt SaveInTransaction(const DeadLetterOffsets& places);
  Attempt Recover(const DeadLetterOffsets& places);
  Attempt CheckProgress(const DeadLetterOffsets& places);
  Attempt ReturnStopped();
  // Marks dead letters that are larger than a known size limit of their topic as rejected. Returns false if
  // there are none.
  bool FindOversized(std::span<const Redelivery> dead_letters);
  void LearnLimits(std::span<const Redelivery> dead_letters);
  rd_kafka_resp_err_t Produce(const Redelivery& dead_letter, size_t index);
  base::Result<void> WaitAfter(std::span<const Redelivery> dead_letters);
  bool CollectReports();
  void HandleReports(rd_kafka_event_t* event);
  bool AnyFailed() const;
  template <typename Call>
  Attempt Transact(Call call, int tries_when_stopped = 0);
  CommitOutcome OutcomeOf(bool certain) const;

  RedriveJob& job_;
  const Options options_;
  BrokerDeadline deadline_;  // for attempts that committed nothing, even if their single calls succeeded
  RdKafkaHandle producer_;
  rd_kafka_queue_t* queue_ = nullptr;
  std::string aborted_for_;    // why the last attempt was aborted, unless a report says it
  bool fenced_ = false;        // the last failure may mean that another producer has taken over
  DeadLetterOffsets saved_;    // progress saved by the last commit
  base::Result<void> broken_;  // error: further attempts are useless
  std::vector<rd_kafka_resp_err_t> reports_;  // by index of the dead letters of this attempt
  size_t reported_ = 0;
  std::map<std::string, uint64_t, std::less<>>
      bytes_max_;  // record size limit, by topics that have rejected a record
};

}  // namespace ei::kafka
