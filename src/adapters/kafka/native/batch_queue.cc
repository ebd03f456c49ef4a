#include "adapters/kafka/native/batch_queue.h"

#include <algorithm>

namespace ei::kafka::native {

size_t BatchQueue::Bytes() const {
  size_t bytes = 0;
  for (const auto& batch : batches_) bytes += batch->records.Bytes();
  return bytes;
}

uint64_t BatchQueue::Records() const {
  uint64_t records = 0;
  for (const auto& batch : batches_) records += batch->records.Count();
  return records;
}

Batch& BatchQueue::Open(size_t bytes, size_t bytes_max, bool dead_letters, wire::Codec codec,
                        base::SteadyTime now, int64_t now_ms) {
  if (!batches_.empty()) {
    Batch& last = *batches_.back();
    const bool fits = last.records.Bytes() + bytes <= bytes_max;
    if (!last.sealed && fits && last.dead_letters == dead_letters) return last;
  }
  Batch& opened = Append(std::make_unique<Batch>(now_ms, dead_letters));
  opened.records.UseCodec(codec);
  opened.records.BoundGrowth(bytes_max);
  opened.began = now;
  return opened;
}

std::unique_ptr<Batch> BatchQueue::Take(size_t place) {
  std::unique_ptr<Batch> batch = std::move(batches_[place]);
  batches_.erase(batches_.begin() + static_cast<std::ptrdiff_t>(place));
  return batch;
}

Batches BatchQueue::TakeUnsent() {
  Batches unsent;
  for (auto& batch : batches_) {
    if (!batch->sealed) unsent.push_back(std::move(batch));
  }
  std::erase(batches_, nullptr);
  return unsent;
}

void BatchQueue::DropEmpty() {
  std::erase_if(batches_, [](const auto& batch) { return batch->records.Count() == 0; });
}

void BatchQueue::HoldBack(Batch& batch) {
  if (std::ranges::count(batch.holds_back, this) > 0) return;
  batch.holds_back.push_back(this);
  ++held_back_;
}

void BatchQueue::Release(Batch& batch) {
  for (BatchQueue* const held : std::exchange(batch.holds_back, {})) --held->held_back_;
}

void BatchQueue::ReleaseAll() {
  for (const auto& batch : batches_) Release(*batch);
}

}  // namespace ei::kafka::native
