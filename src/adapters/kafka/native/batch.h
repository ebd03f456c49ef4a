#pragma once

#include <cstdint>
#include <vector>

#include "adapters/kafka/wire/encoder.h"
#include "adapters/kafka/wire/record_batch.h"

namespace ei::kafka::native {

// Records of one partition that go out together. Whoever fills it gives each record a token and hands it to a
// Partition, which owns it from then on.
struct Batch {
  explicit Batch(int64_t timestamp_ms) : records(timestamp_ms) {}

  wire::RecordBatch records;
  std::vector<uint64_t> tokens;  // the filler's name for each record
  bool impatient = false;        // where its topic takes nothing from us it is rejected, not sent again

  // The Partition's.
  wire::ProducerStamp stamp;  // base_sequence is -1 until it is first sent
  wire::TopicId topic_id;     // of the topic when it got its number; none: not told then
  bool out = false;           // in a request that isn't answered
  bool in_doubt = false;      // it may stand in the log: an answer is missing, or says that it was appended
};

}  // namespace ei::kafka::native
