#pragma once

#include <cstdint>
#include <vector>

#include "adapters/kafka/wire/encoder.h"
#include "adapters/kafka/wire/record_batch.h"
#include "journal/event_runs.h"

namespace ei::kafka::native {

class Partition;

// Records of one partition that go out together: events, or dead letters.
struct Batch {
  Batch(int64_t timestamp_ms, bool for_dead_letters)
      : records(timestamp_ms), dead_letters(for_dead_letters) {}

  // An empty one for records of this.
  Batch Like() const {
    Batch other(records.TimestampMs(), dead_letters);
    other.records.UseCodec(records.UsedCodec());
    other.began = began;
    return other;
  }

  wire::RecordBatch records;
  std::vector<uint64_t> tokens;  // whoever appends a record gives it one; of an event its position
  std::vector<EventRun> runs;    // of the events; none of dead letters
  bool dead_letters = false;     // where their topic takes nothing from us they are rejected, not sent again
  base::SteadyTime began;        // when its first record was appended

  // The Partition's.
  bool sealed = false;        // it was sent: no record may be appended any more
  wire::ProducerStamp stamp;  // base_sequence is -1 until it is first sent
  wire::TopicId topic_id;     // of the topic when it got its number; none: not told then
  base::SteadyTime sent_at;   // the last time
  bool out = false;           // in a request that isn't answered
  bool in_doubt = false;      // it may stand in the log: an answer is missing, or says that it was appended
  std::vector<Partition*> holds_back;  // see Partition::HoldBack
};

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

}  // namespace ei::kafka::native
