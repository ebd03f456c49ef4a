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

// Writes dead letters to topics, with the placement of the Java client, and saves the progress of their job.
//
// With transactions both happen or neither does, whenever the process may be killed: who reads committed
// records only sees each dead letter once. Another sender of the same job takes its place over and ends this
// one. Without them (some clusters have none) a record is on its own, and one that was written shortly before
// a kill may be written again.
class RedriveProducer final : public RedriveTarget {
 public:
  struct Options {
    bool transactions = true;
    std::function<void(base::Duration)> wait;  // lets that much time pass, or less when a stop is asked for
  };

  // Waits until an earlier sender's transaction of this job is over. The job outlives the sender.
  static base::Result<std::unique_ptr<RedriveProducer>> Open(RedriveJob& job, Options options);
  ~RedriveProducer() override;

  // How far earlier runs have come.
  const DeadLetterOffsets& Saved() const { return saved_; }

  base::Result<CommitOutcome> Commit(std::span<const Redelivery> dead_letters,
                                     const DeadLetterOffsets& places) override;

 private:
  // How an attempt ended.
  enum class Attempt : uint8_t {
    kCommitted,
    kRefused,    // dead letters were; nothing stands, or what does is told
    kAgain,      // nothing stands
    kUncertain,  // the producer is of no use any more, and may have committed or not; or broken_ says why not
    kStopped,
  };

  RedriveProducer(RedriveJob& job, Options options)
      : job_(job),
        options_(std::move(options)),
        patience_(job.Clock(), job.Pool().LogOfFaults(), "look at the topics that the dead letters go to") {}
  base::Result<void> OpenProducer();
  void CloseProducer();

  Attempt Try(std::span<const Redelivery> dead_letters, const DeadLetterOffsets& places);
  Attempt FinishWithout(const DeadLetterOffsets& places);
  Attempt FinishTransaction(const DeadLetterOffsets& places);
  Attempt SaveInTransaction(const DeadLetterOffsets& places);
  Attempt Recover(const DeadLetterOffsets& places);
  Attempt LookAtProgress(const DeadLetterOffsets& places);
  Attempt StoppedInstead();
  // Finds those that their topics refuse for their size, as far as that is known; false: none.
  bool FindOversized(std::span<const Redelivery> dead_letters);
  void LearnLimits(std::span<const Redelivery> dead_letters);
  rd_kafka_resp_err_t Produce(const Redelivery& dead_letter, size_t index);
  base::Result<void> WaitAfter(std::span<const Redelivery> dead_letters);
  bool GatherReports();
  void TakeReports(rd_kafka_event_t* event);
  bool AnyFailed() const;
  template <typename Call>
  Attempt Transact(Call call, int tries_when_stopped = 0);
  CommitOutcome OutcomeOf(bool certain) const;

  RedriveJob& job_;
  const Options options_;
  BrokerDeadline patience_;  // with attempts of which nothing stands, whatever their single calls said
  RdKafkaHandle producer_;
  rd_kafka_queue_t* queue_ = nullptr;
  std::string aborted_for_;    // why the last attempt was, unless a dead letter's report says it
  bool fenced_ = false;        // the last failure says that another may have taken over
  DeadLetterOffsets saved_;    // by the last commit
  base::Result<void> broken_;  // why no other attempt is of use
  std::vector<rd_kafka_resp_err_t> reports_;  // of the dead letters of this attempt, by index
  size_t reported_ = 0;
  std::map<std::string, uint64_t, std::less<>> bytes_max_;  // of a record, by topics that have refused one
};

}  // namespace ei::kafka
