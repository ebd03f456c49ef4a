#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "adapters/kafka/native/batch.h"
#include "adapters/kafka/wire/codec.h"
#include "base/time.h"

namespace ei::kafka::native {

// The batches of a partition in the order in which they are sent. Its Partition takes them out; its
// TopicQueue adds records, and takes back what was never sent. One thread.
class BatchQueue {
 public:
  BatchQueue() = default;
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;

  const Batches& All() const { return batches_; }
  bool Empty() const { return batches_.empty(); }
  size_t Size() const { return batches_.size(); }
  Batch& operator[](size_t place) const { return *batches_[place]; }
  size_t Bytes() const;
  uint64_t Records() const;

  // Returns the batch to append the next record to, after all others: the last one if it was not sent and has
  // room for `bytes` within `bytes_max`, else a new one with `codec`.
  Batch& Open(size_t bytes, size_t bytes_max, bool dead_letters, wire::Codec codec, base::SteadyTime now,
              int64_t now_ms);
  // Adds a batch after all others, or before them.
  Batch& Append(std::unique_ptr<Batch> batch) { return *batches_.emplace_back(std::move(batch)); }
  void Prepend(std::unique_ptr<Batch> batch) { batches_.push_front(std::move(batch)); }

  std::unique_ptr<Batch> Take(size_t place);
  // Batches that are taken keep holding back other partitions.
  Batches TakeAll() { return std::exchange(batches_, {}); }
  Batches TakeUnsent();
  void DropEmpty();

  // While `batch` of another partition isn't delivered, this one sends only batches that it has sent before:
  // `batch` has older records with keys that now belong here.
  void HoldBack(Batch& batch);
  bool IsHeldBack() const { return held_back_ > 0; }
  // Release ends what `batch` holds back. ReleaseAll does so for all batches of this queue.
  static void Release(Batch& batch);
  void ReleaseAll();

 private:
  Batches batches_;
  uint32_t held_back_ = 0;  // number of batches of other partitions that hold this one back
};

}  // namespace ei::kafka::native
