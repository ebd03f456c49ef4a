#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/token_bucket.h"
#include "redrive/dead_letter_filter.h"
#include "redrive/dead_letter_source.h"
#include "redrive/redrive_target.h"

namespace ei {

// Re-publishes dead letters to their original topic in batches and saves the progress with each batch. A dead
// letter that is rejected again returns to the DLQ with its redrive count incremented. If the DLQ rejects it
// too, it stays where it is.
//
// Used by one thread.
class Redrive {
 public:
  // What an earlier redrive has processed: the dead letters before `places` that its filter matches.
  struct Earlier {
    DeadLetterFilter filter;
    uint64_t redrives_max = 0;
    DeadLetterOffsets places;
    bool parts_in_order = false;  // each part is finished before the next is begun, as with segments
  };
  struct Options {
    DeadLetterFilter filter;
    RedriveRules rules;
    std::vector<Earlier> earlier;
    double rate = 0;  // dead letters per second; 0: no limit
  };
  struct Counts {
    uint64_t read = 0;
    uint64_t matched = 0;
    uint64_t sent = 0;                                        // written to their original topic
    uint64_t sent_earlier = 0;                                // matched, but processed by another redrive
    std::array<uint64_t, kRedriveFaultCount> unfit{};         // matched, but can't be redriven; by fault
    std::map<std::string, uint64_t, std::less<>> died_again;  // rejected again, written to the DLQ; by code
    std::map<std::string, uint64_t, std::less<>> left;        // rejected by the DLQ too; by code
    std::vector<std::string> left_at;                         // the first of these, as PART:OFFSET
  };
  enum class End : uint8_t { kDone, kStopped };

  // `wait` waits for the given time, or less if a stop is requested; `stop` returns whether one is. The
  // references must outlive the Redrive.
  struct Parts {
    DeadLetterSource& source;
    RedriveTarget& target;
    EventDecoder& decoder;
    const Clock& clock;
    std::function<void(base::Duration)> wait;
    std::function<bool()> stop;
    // Called after each batch, and now and then while dead letters are read.
    std::function<void(const Counts&)> progress;
  };

  Redrive(Options options, Parts parts);

  // Runs to the end of the source, or until a stop. After a failure or a stop the saved progress is correct,
  // and a later run continues from there.
  base::Result<End> Run();

  const Counts& Count() const { return counts_; }

 private:
  base::Result<void> Gather();
  void Take(DeadLetterRecord dead_letter);
  bool ProcessedEarlier(const DeadLetterRecord& dead_letter) const;
  Redelivery ToOriginalTopic(const DeadLetterRecord& dead_letter) const;
  Redelivery ToDeadLetterTopic(const DeadLetterRecord& dead_letter,
                               const CommitOutcome::RecordOutcome& rejection) const;
  bool WaitForTurn();
  base::Result<End> Send(std::span<Redelivery> batch, const DeadLetterOffsets& places);
  void Settle(std::vector<Redelivery>& batch, const std::vector<CommitOutcome::RecordOutcome>& outcomes);
  void CountWritten(const Redelivery& redelivery);

  const Options options_;
  const Parts parts_;
  const size_t batch_max_;
  TokenBucket bucket_;
  Counts counts_;
  std::vector<DeadLetterRecord> dead_letters_;  // of the batch being gathered
  uint64_t gathered_bytes_ = 0;
  uint64_t passed_over_ = 0;  // read since the last commit
};

}  // namespace ei
