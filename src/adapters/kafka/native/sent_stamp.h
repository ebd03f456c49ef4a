#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kafka/wire/encoder.h"
#include "adapters/kafka/wire/record_batch.h"
#include "journal/sent_log.h"

namespace ei::kafka::native {

// What brokers recognize a batch by. Stored as SentBatch::stamp, so that it survives the process.
struct SentStamp {
  std::string_view topic;
  int32_t partition = 0;
  wire::TopicId topic_id;  // none: the brokers don't support topic ids
  wire::ProducerStamp producer;
};

std::string EncodeSentStamp(const SentStamp& stamp);
// The topic is a view into `text`. nullopt: `text` is not a valid stamp.
std::optional<SentStamp> DecodeSentStamp(std::string_view text);

// A batch that can be resent with its stamp.
struct Resumable {
  SentStamp stamp;
  std::span<const uint64_t> positions;
};

// Selects the batches of previous runs that can be resent without reordering records of a partition. `sent`
// is in the order of sending. For each partition: the batches of its newest epoch, up to the first broken
// one. Returned by partition, in the order of sequence numbers; the views are into `sent`.
std::vector<Resumable> ResumableOf(std::span<const SentBatch> sent);

// What a lane starts with.
struct Resumption {
  std::vector<SentBatch> sent;     // by previous runs
  std::vector<Resumable> batches;  // views into `sent`
  uint64_t others = 0;             // events of `sent` that are sent as new
};

// Takes the unsettled batches of the log. Voids the notes of batches that can't be resent: batches that are
// sent after them may be settled first, so no later run could resend them in order.
Resumption TakeResumption(SentLog& log);

}  // namespace ei::kafka::native
