#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/kafka/native/batch.h"
#include "adapters/kafka/wire/messages.h"

namespace ei::kafka::native {

// Records of a batch that the topic rejects, by ascending index.
struct Rejection {
  std::string_view code = {};
  std::vector<uint32_t> records = {};
  std::vector<std::string> reasons = {};  // by record
};

// What an error in the answer to a partition's oldest batch means.
struct ProduceError {
  // Maximum size of a broker's text about a fault.
  static constexpr size_t kReasonBytesMax = 500;

  enum class Kind : uint8_t {
    kTemporary,   // the batch is sent again unchanged, until it is accepted
    kStored,      // the batch is in the topic
    kRejected,    // the topic rejects the records of `rejection`
    kSplit,       // the batch is too large, or one of its records is at fault, and it isn't known which
    kTimestamp,   // the clock of this machine or of the broker is wrong
    kSequence,    // the batch's number doesn't follow what the broker has
    kFenced,      // another producer uses this producer's id, or its epoch was raised
    kUnreadable,  // the broker can't read the batch as this client wrote it
  };
  Kind kind = Kind::kTemporary;
  std::string_view code = {};  // for reports; a constant
  bool metadata = false;       // new metadata may help
  Rejection rejection = {};
};

// `version` is that of the request.
ProduceError ErrorOf(const Batch& batch, const wire::PartitionProduced& answer, int16_t version);

// The same for an error that no batch causes. Unknown ones count as temporary.
ProduceError TemporaryErrorOf(wire::ErrorCode error);

}  // namespace ei::kafka::native
