#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "adapters/kafka/native/batch.h"

namespace ei::kafka::native {

class Partition;

// Results of a partition's records, and faults that delay them. Called from within the Partition's functions,
// on the producer's thread.
class PartitionListener {
 public:
  virtual ~PartitionListener() = default;

  // All records of the batch are in the topic, from `base_offset` on (-1: unknown). `repeat`: they were there
  // before this request.
  virtual void OnDelivered(const Partition& partition, const Batch& batch, int64_t base_offset,
                           bool repeat) = 0;

  // The topic rejected these records; the listener now owns them. `code` is a constant; `reasons` has one
  // entry a record: the broker's text, or empty.
  virtual void OnRejected(const Partition& partition, std::unique_ptr<Batch> rejected, std::string_view code,
                          std::span<const std::string> reasons) = 0;

  // This many records are sent again.
  virtual void OnRetried(uint32_t records) = 0;
  // The same, although they may already be in the topic: the protocol can't tell.
  virtual void OnPossibleRepeats(uint32_t records) = 0;

  // Nothing is delivered for now, for a reason that no single record caused; the partition retries. `code` is
  // a constant.
  virtual void OnPartitionFault(const Partition& partition, std::string_view code,
                                std::string_view reason) = 0;

  // The batch has been assigned these sequence numbers and is about to be sent. Numbers that its records had
  // before are void. Not called for batches that are resumed.
  virtual void OnNumbered(const Partition& partition, const Batch& batch) = 0;
  // The batch's sequence numbers are void, although it may have been sent with them.
  virtual void OnNumbersVoid(const Partition& partition, const Batch& batch) = 0;
};

}  // namespace ei::kafka::native
