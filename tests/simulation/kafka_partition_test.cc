#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "adapters/kafka/native/partition.h"
#include "support/random.h"
#include "support/sim_partition.h"

namespace ei::kafka::native {
namespace {

using support::SimPartition;
using wire::ErrorCode;
using wire::PartitionProduced;

struct Faults {
  uint64_t seed = 0;
  uint64_t poison_percent = 0;
  uint64_t lost_answer_percent = 0;
  uint64_t refused_percent = 0;  // not leader, too few replicas, time-outs
  uint64_t restart_percent = 0;
  uint64_t waking_percent = 0;  // the leader was frozen: error 45 for a moment
  bool too_large = false;
  bool fenced = false;
  bool asked = true;  // the broker reports the last sequence number
  // The topic's configuration changes: records that are stored, but whose answer was lost, are rejected now.
  uint64_t new_rule_percent = 0;
  // A new leader without state of the producer.
  uint64_t forget_percent = 0;
};

class Schedule : public PartitionListener {
 public:
  explicit Schedule(const Faults& faults) : faults_(faults), random_(faults.seed) {}

  void Run() {
    Partition::Options options;
    Partition partition("t", 0, options, *this);
    partition.OnProducerId({next_id_, 0});
    partition.OnLeader(1, 1, {1, 1}, now_);
    if (faults_.too_large) broker_.bytes_max = 700;
    uint64_t token = 0;
    for (int step = 0; step < 40'000; ++step) {
      now_ += std::chrono::milliseconds(Roll(50));
      if (token < kTokens && Percent(30)) Add(partition, token);
      if (faults_.restart_percent > Roll(1000) && Quiet()) broker_.Restart();
      if (faults_.forget_percent > Roll(1000)) Forget(partition);
      while (Batch* batch = partition.NextBatch(now_, 0)) out_.push_back({batch, Encode(*batch)});
      if (!out_.empty() && Percent(60)) Answer(partition);
      Serve(partition);
      if (token == kTokens && partition.Queue().Empty()) return Check();
    }
    FAIL() << "seed " << faults_.seed << ": no progress, state " << static_cast<int>(partition.Now()) << ", "
           << partition.Queue().Size() << " batches, " << partition.Out() << " out";
  }

  void OnDelivered(const Partition&, const Batch& batch, int64_t, bool) override { Settle(batch); }
  void OnRejected(const Partition&, std::unique_ptr<Batch> rejected, std::string_view,
                  std::span<const std::string> reasons) override {
    EXPECT_EQ(reasons.size(), rejected->tokens.size());
    for (const uint64_t token : rejected->tokens) {
      EXPECT_TRUE(poison_.contains(token))
          << "seed " << faults_.seed << ": a good record was rejected: " << token;
    }
    Settle(*rejected);
  }
  void OnRetried(uint32_t) override {}
  void OnPartitionFault(const Partition&, std::string_view, std::string_view) override {}
  void OnNumbered(const Partition&, const Batch&) override {}
  void OnNumbersVoid(const Partition&, const Batch&) override {}
  void OnPossibleRepeats(uint32_t records) override { possible_repeats_ += records; }

 private:
  static constexpr uint64_t kTokens = 200;

  void Settle(const Batch& batch) {
    for (const uint64_t token : batch.tokens) {
      EXPECT_TRUE(settled_.insert(token).second) << "seed " << faults_.seed << ": reported twice: " << token;
      held_ += token;
    }
    uint64_t events = 0;
    for (const EventRun& run : batch.runs) {
      events += run.events;
      held_ -= run.held_bytes;
    }
    EXPECT_EQ(events, batch.tokens.size()) << "seed " << faults_.seed;
  }

  struct Sent {
    Batch* batch;
    SimPartition::Request request;
  };

  uint64_t Roll(uint64_t below) { return random_.Below(below); }
  bool Percent(uint64_t percent) { return Roll(100) < percent; }
  // Whether no request is waiting, so that a broker restart loses no answer.
  bool Quiet() const { return out_.empty(); }

  void Add(Partition& partition, uint64_t& token) {
    const size_t most = 200 + Roll(1000);  // bytes of a batch
    const uint64_t count = 1 + Roll(8);
    for (uint64_t i = 0; i < count && token < kTokens; ++i, ++token) {
      if (Percent(faults_.poison_percent)) poison_.insert(token);
      Batch& batch = partition.Queue().Open(120, most, /*dead_letters=*/false, wire::Codec::kNone, now_, 0);
      batch.records.Append(std::to_string(token), std::string(100, 'v'), {});
      batch.tokens.push_back(token);
      ei::AppendRun(batch.runs, {now_, 0, 1, token});
    }
  }

  SimPartition::Request Encode(Batch& batch) {
    EXPECT_EQ(batch.records.Count(), batch.tokens.size());
    const std::string_view bytes = batch.records.Seal(batch.stamp);
    SimPartition::Request request{
        batch.stamp.producer_id, batch.stamp.epoch, batch.stamp.base_sequence, {}, bytes.size()};
    batch.records.Visit([&](uint32_t number, const wire::RecordView& record) {
      EXPECT_EQ(std::to_string(batch.tokens[number]), record.key.value_or(""));
      request.records.push_back({batch.tokens[number], poison_.contains(batch.tokens[number])});
    });
    return request;
  }

  void Forget(Partition& partition) {
    broker_.FailOver(Roll(40));
    for (const Sent& sent : std::exchange(out_, {})) partition.OnNoAnswer(*sent.batch, now_, random_.Next());
    partition.OnLeader(1, ++leader_epoch_, {1, 1}, now_);
  }

  // Handles the oldest request on the connection, or ends the connection before or after that.
  void Answer(Partition& partition) {
    if (Percent(faults_.lost_answer_percent)) {
      const uint64_t handled = Roll(out_.size() + 1);
      for (uint64_t i = 0; i < handled; ++i) broker_.Produce(out_[i].request);
      std::vector<Sent> lost(out_.begin(), out_.end());
      out_.clear();
      if (Percent(20)) broker_.Restart();
      for (const Sent& sent : lost) ChangeRules(*sent.batch);
      for (const Sent& sent : lost) partition.OnNoAnswer(*sent.batch, now_, random_.Next());
      return;
    }
    const Sent sent = out_.front();
    out_.pop_front();
    PartitionProduced answer;
    if (Percent(faults_.waking_percent)) {
      answer = SimPartition::Error(ErrorCode::kOutOfOrderSequenceNumber);
    } else if (Percent(faults_.refused_percent)) {
      constexpr ErrorCode kRefusals[] = {
          ErrorCode::kNotLeaderOrFollower, ErrorCode::kNotEnoughReplicas,
          ErrorCode::kRequestTimedOut,     ErrorCode::kUnknownTopicOrPartition,
          ErrorCode::kInvalidTimestamp,    ErrorCode::kTopicAuthorizationFailed};
      answer = SimPartition::Error(kRefusals[Roll(std::size(kRefusals))]);
      if (answer.error == ErrorCode::kRequestTimedOut)
        answer.base_offset = broker_.Produce(sent.request).base_offset;
    } else if (faults_.fenced && Percent(2)) {
      answer = SimPartition::Error(ErrorCode::kInvalidProducerEpoch);
    } else {
      answer = broker_.Produce(sent.request);
      if (answer.error == ErrorCode::kNone) broker_.Replicate();
    }
    partition.OnAnswer(*sent.batch, answer, 11, now_, 7, random_.Next());
  }

  void ChangeRules(const Batch& batch) {
    if (!Percent(faults_.new_rule_percent)) return;
    const uint64_t token = batch.tokens[Roll(batch.tokens.size())];
    poison_.insert(token);
    under_new_rule_.insert(token);
  }

  // Answers as the producer would after asking the broker.
  void Serve(Partition& partition) {
    const Partition::Wants wants = partition.Wanted();
    if (wants.metadata && Percent(50)) partition.OnLeader(1, leader_epoch_, {1, 1}, now_);
    if (wants.producer_id && Percent(50)) partition.OnProducerId({++next_id_, 0});
    if (wants.last_sequence && Percent(50)) {
      partition.OnLastSequence(faults_.asked ? broker_.Describe(next_id_) : std::nullopt, now_);
    }
    if (wants.topic_id && Percent(50)) partition.OnTopicId({1, 1}, now_);
    partition.ClearNewConnection();
  }

  void Check() {
    std::map<uint64_t, int> seen;
    uint64_t newest = 0;
    uint64_t repeats = 0;
    for (const uint64_t token : broker_.log) {
      EXPECT_TRUE(!poison_.contains(token) || under_new_rule_.contains(token)) << "seed " << faults_.seed;
      if (++seen[token] > 1) {
        ++repeats;
        continue;
      }
      EXPECT_GE(token, newest) << "seed " << faults_.seed << ": out of order";
      newest = token;
    }
    for (uint64_t token = 0; token < kTokens; ++token) {
      if (!under_new_rule_.contains(token)) {
        EXPECT_EQ(seen.contains(token), !poison_.contains(token)) << "seed " << faults_.seed << ": " << token;
      }
      EXPECT_TRUE(settled_.contains(token))
          << "seed " << faults_.seed << ": no result was reported for " << token;
    }
    EXPECT_EQ(held_, 0U) << "seed " << faults_.seed
                         << ": the held bytes of settled events don't match their runs";
    EXPECT_TRUE(repeats <= possible_repeats_ || faults_.forget_percent > 0)
        << "seed " << faults_.seed << ": repeats that were not reported";
  }

  const Faults faults_;
  support::Random random_;
  SimPartition broker_;
  base::SteadyTime now_{std::chrono::seconds(1)};
  std::deque<Sent> out_;
  std::set<uint64_t> poison_;
  std::set<uint64_t> under_new_rule_;
  std::set<uint64_t> settled_;
  uint64_t held_ = 0;  // bytes that settled events held, minus the bytes in their runs; wraps
  uint64_t possible_repeats_ = 0;
  int64_t next_id_ = 7;
  int32_t leader_epoch_ = 1;
};

TEST(KafkaPartitionSimulation, NothingIsLostOrReorderedAndRepeatsAreKnown) {
  const uint64_t first = support::SeedOr(1);
  const uint64_t schedules = support::SchedulesOr(5'000);
  for (uint64_t seed = first; seed < first + schedules && !testing::Test::HasFailure(); ++seed) {
    support::Random random(seed);
    Faults faults;
    faults.seed = seed;
    faults.poison_percent = random.Below(3) == 0 ? random.Below(20) : 0;
    faults.lost_answer_percent = random.Below(2) == 0 ? random.Below(30) : 0;
    faults.refused_percent = random.Below(2) == 0 ? random.Below(40) : 0;
    faults.restart_percent = random.Below(3) == 0 ? 20 : 0;
    faults.waking_percent = random.Below(3) == 0 ? random.Below(20) : 0;
    faults.too_large = random.Below(4) == 0;
    faults.fenced = random.Below(5) == 0;
    faults.asked = random.Below(2) == 0;
    faults.new_rule_percent = random.Below(4) == 0 ? 20 : 0;
    faults.forget_percent = random.Below(5) == 0 ? 20 : 0;
    Schedule(faults).Run();
  }
}

}  // namespace
}  // namespace ei::kafka::native
