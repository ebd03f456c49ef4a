#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "adapters/kafka/wire/messages.h"
#include "adapters/kafka/wire/record_batch.h"

namespace ei::support {

namespace wire = kafka::wire;

// One partition as brokers keep it, with behaviour that was observed on real brokers: see docs/KAFKA.md.
class SimPartition {
 public:
  struct Record {
    uint64_t token;
    bool poison;  // rejected by the topic's configuration
  };
  struct Request {
    int64_t producer_id;
    int16_t epoch;
    int32_t sequence;
    std::vector<Record> records;
    size_t bytes;
  };

  size_t bytes_max = 100'000;

  wire::PartitionProduced Produce(const Request& request) {
    wire::PartitionProduced answer;
    if (request.bytes > bytes_max) return Error(wire::ErrorCode::kMessageTooLarge);
    for (size_t i = 0; i < request.records.size(); ++i) {
      if (request.records[i].poison) answer.record_errors.push_back({static_cast<int32_t>(i), "poison"});
    }
    if (!answer.record_errors.empty()) {
      answer.error = wire::ErrorCode::kInvalidRecord;
      return answer;
    }
    const auto known = producers_.find(request.producer_id);
    if (known != producers_.end()) {
      Producer& producer = known->second;
      if (request.epoch < producer.epoch) return Error(wire::ErrorCode::kInvalidProducerEpoch);
      if (request.epoch > producer.epoch) {
        if (request.sequence != 0) return Error(wire::ErrorCode::kOutOfOrderSequenceNumber);
      } else {
        for (const Kept& kept : producer.last) {
          if (kept.sequence != request.sequence || kept.count != request.records.size()) continue;
          answer.base_offset = kept.offset;
          answer.log_append_time_ms = 1;
          replicated_ = std::max(replicated_, static_cast<size_t>(kept.offset) + kept.count);
          return answer;
        }
        if (request.sequence != wire::SequenceAfter(producer.last_sequence, 1)) {
          return Error(wire::ErrorCode::kOutOfOrderSequenceNumber);
        }
      }
    }
    Producer& producer = producers_[request.producer_id];
    if (producer.epoch != request.epoch) producer.last.clear();
    producer.epoch = request.epoch;
    answer.base_offset = static_cast<int64_t>(log.size());
    const auto count = static_cast<uint32_t>(request.records.size());
    producer.last.push_back({request.sequence, count, answer.base_offset});
    if (producer.last.size() > 5) producer.last.pop_front();
    producer.last_sequence = wire::SequenceAfter(request.sequence, count - 1);
    for (const Record& record : request.records) log.push_back(record.token);
    return answer;
  }

  // After a restart only the last batch of each producer is recognised as a repeat.
  void Restart() {
    for (auto& [id, producer] : producers_) {
      while (producer.last.size() > 1) producer.last.pop_front();
    }
  }

  // A replica becomes leader. It has no producer state and lacks up to `lost` records at the log's end: only
  // records that were not replicated, so their success was not reported to any client.
  void FailOver(size_t lost) {
    producers_.clear();
    log.resize(log.size() - std::min(lost, log.size() - replicated_));
  }
  // All records in the log are replicated: every replica that may become leader has them.
  void Replicate() { replicated_ = log.size(); }

  void MakeAgain() {
    producers_.clear();
    log.clear();
    replicated_ = 0;
  }

  std::optional<wire::ProducerState> Describe(int64_t id) const {
    const auto known = producers_.find(id);
    if (known == producers_.end()) return std::nullopt;
    return wire::ProducerState{id, known->second.epoch, known->second.last_sequence};
  }

  static wire::PartitionProduced Error(wire::ErrorCode code) {
    wire::PartitionProduced answer;
    answer.error = code;
    return answer;
  }

  std::vector<uint64_t> log;

 private:
  struct Kept {
    int32_t sequence;
    uint32_t count;
    int64_t offset;
  };
  struct Producer {
    int16_t epoch = 0;
    int32_t last_sequence = -1;
    std::deque<Kept> last;
  };
  std::map<int64_t, Producer> producers_;
  size_t replicated_ = 0;  // number of the log's records that are replicated
};

}  // namespace ei::support
