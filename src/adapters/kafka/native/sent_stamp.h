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

// What brokers know a batch again by, as it is noted beyond the life of the process (SentBatch::stamp).
struct SentStamp {
  std::string_view topic;
  int32_t partition = 0;
  wire::TopicId topic_id;  // none: the brokers are older than topic ids
  wire::ProducerStamp producer;
};

std::string EncodeSentStamp(const SentStamp& stamp);
// The topic is in `text`; nullopt: it is no such stamp.
std::optional<SentStamp> DecodeSentStamp(std::string_view text);

// A batch that can be sent again as it was.
struct Resumable {
  SentStamp stamp;
  std::span<const uint64_t> positions;
};

// Of what earlier lives sent, in the order in which they sent it, what can be sent again so that no record
// gets before an older one of its partition: of a partition's batches those of its newest epoch, up to the
// first that is broken. They come by partition, in the order of their numbers; what is in them is in `sent`.
std::vector<Resumable> ResumableOf(std::span<const SentBatch> sent);

// What a lane begins with.
struct Resumption {
  std::vector<SentBatch> sent;     // by earlier lives
  std::vector<Resumable> batches;  // in `sent`
  uint64_t others = 0;             // events of `sent` that go out as if they had not been sent
};

// Takes what the log has. The others are void from then on, as what is sent after them may be settled before
// them: no later life can resume them.
Resumption TakeResumption(SentLog& log);

}  // namespace ei::kafka::native
