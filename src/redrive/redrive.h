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

// Sends dead letters back to the topics that refused them, in batches: each batch is written and the progress
// saved with it. A dead letter that is refused once more goes to the dead-letter topic again, with one
// redrive more on its count; one that even that refuses is left where it is.
//
// One thread.
class Redrive {
 public:
  // What an earlier redrive has dealt with: what its filter meant, before its places.
  struct Earlier {
    DeadLetterFilter filter;
    uint64_t redrives_max = 0;
    DeadLetterOffsets places;
    bool parts_in_order = false;  // each part is dealt with before the next is begun, as segments are
  };
  struct Options {
    DeadLetterFilter filter;
    RedriveRules rules;
    std::vector<Earlier> earlier;
    double rate = 0;  // dead letters a second; 0: no limit
  };
  struct Counts {
    uint64_t read = 0;
    uint64_t matched = 0;
    uint64_t sent = 0;                                        // stand in the topic that once refused them
    uint64_t sent_earlier = 0;                                // matched: another redrive has dealt with them
    std::array<uint64_t, kRedriveFaultCount> unfit{};         // matched, by fault
    std::map<std::string, uint64_t, std::less<>> died_again;  // by code: stand in the dead-letter topic again
    std::map<std::string, uint64_t, std::less<>> left;        // by code: refused there too
    std::vector<std::string> left_at;                         // the first of these, as PART:OFFSET
  };
  enum class End : uint8_t { kDone, kStopped };

  // `wait` lets that much time pass, or less when a stop is asked for; `stop` says whether one was.
  // The references outlive this.
  struct Parts {
    DeadLetterSource& source;
    RedriveTarget& target;
    EventDecoder& decoder;
    const Clock& clock;
    std::function<void(base::Duration)> wait;
    std::function<bool()> stop;
    std::function<void(const Counts&)>
        progress;  // after each batch, and now and then while dead letters are read
  };

  Redrive(Options options, Parts parts);

  // Up to the end of the source, or until a stop. After a failure or stop, what is saved is true and a later
  // run goes on from there.
  base::Result<End> Run();

  const Counts& Count() const { return counts_; }

 private:
  base::Result<void> Gather();
  void Take(DeadLetterRecord dead_letter);
  bool DealtWithEarlier(const DeadLetterRecord& dead_letter) const;
  Redelivery Back(const DeadLetterRecord& dead_letter) const;
  Redelivery Again(const DeadLetterRecord& dead_letter, const CommitOutcome::RecordOutcome& refusal) const;
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
  uint64_t passed_over_ = 0;  // since the last commit
};

}  // namespace ei
