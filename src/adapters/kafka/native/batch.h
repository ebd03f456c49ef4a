#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "adapters/kafka/wire/encoder.h"
#include "adapters/kafka/wire/record_batch.h"
#include "journal/event_runs.h"

namespace ei::kafka::native {

class BatchQueue;

// Records of one partition that are sent as one batch: either events or dead letters.
struct Batch {
  Batch(int64_t timestamp_ms, bool for_dead_letters)
      : records(timestamp_ms), dead_letters(for_dead_letters) {}

  // Returns an empty batch with the same time, kind, codec and `began`.
  Batch Like() const {
    Batch other(records.TimestampMs(), dead_letters);
    other.records.UseCodec(records.UsedCodec());
    other.began = began;
    return other;
  }

  wire::RecordBatch records;
  std::vector<uint64_t>
      tokens;                  // one a record, set by the caller that appends it; an event's is its position
  std::vector<EventRun> runs;  // of events; empty for dead letters
  bool dead_letters = false;   // rejected, not retried, if this client may not write to the topic
  base::SteadyTime began;      // when the first record was appended

  // Managed by Partition.
  bool sealed = false;                  // it was sent; no record may be appended
  wire::ProducerStamp stamp;            // base_sequence is -1 until it is first sent
  wire::TopicId topic_id;               // of the topic when the batch was numbered; none: unknown then
  base::SteadyTime sent_at;             // when it was last sent
  bool out = false;                     // in a request that isn't answered yet
  bool in_doubt = false;                // it may be in the log: an answer is missing or says so
  std::vector<BatchQueue*> holds_back;  // see BatchQueue::HoldBack
};

using Batches = std::deque<std::unique_ptr<Batch>>;

// Calls visit(record, token, run) for each record; the run is empty for dead letters.
template <typename Visit>
void VisitRecords(const Batch& batch, Visit visit) {
  RunReader runs(batch.runs);
  batch.records.Visit([&](uint32_t number, const wire::RecordView& record) {
    visit(record, batch.tokens[number], batch.dead_letters ? EventRun() : runs.Next());
  });
}

inline void AppendRecord(Batch& batch, const wire::RecordView& record, uint64_t token, const EventRun& run) {
  batch.records.Append(record);
  batch.tokens.push_back(token);
  if (!batch.dead_letters) ei::AppendRun(batch.runs, run);
}

// Copies the records into two batches that are Like this one: those for which is_first(number) holds, and the
// others.
template <typename IsFirst>
std::pair<std::unique_ptr<Batch>, std::unique_ptr<Batch>> Separate(const Batch& batch, IsFirst is_first) {
  auto first = std::make_unique<Batch>(batch.Like());
  auto second = std::make_unique<Batch>(batch.Like());
  uint32_t number = 0;
  VisitRecords(batch, [&](const wire::RecordView& record, uint64_t token, const EventRun& run) {
    AppendRecord(is_first(number++) ? *first : *second, record, token, run);
  });
  return {std::move(first), std::move(second)};
}

}  // namespace ei::kafka::native
