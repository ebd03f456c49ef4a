#include "adapters/wal/sent_batches.h"

#include <algorithm>
#include <bit>

namespace ei::wal {

namespace {

constexpr uint64_t kEntriesMin = 64;
constexpr uint64_t kNeighbours = 8;  // this many consecutive positions have adjacent entries
constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;

}  // namespace

SentBatches::Batch& SentBatches::Add(std::span<const uint64_t> positions, std::string_view stamp) {
  if (2 * (used_ + positions.size()) > entries_.size()) MakeRoom(positions.size());
  const uint64_t serial = first_ + batches_.size();
  for (const uint64_t position : positions) {
    Entry& entry = Find(position);
    if (entry.batch == 0) {
      ++used_;
    } else if (Batch* const before = Get(entry.batch)) {
      Remove(*before);
    }
    entry = {position, serial};
  }
  positions_ += positions.size();
  stamps_bytes_ += stamp.size();
  batches_.push_back({{positions.begin(), positions.end()}, std::string(stamp)});
  while (batches_.front().positions.empty()) {
    batches_.pop_front();
    ++first_;
  }
  return batches_.back();
}

SentBatches::Batch* SentBatches::At(uint64_t position) {
  if (entries_.empty()) return nullptr;
  const Entry& entry = Find(position);
  return entry.batch == 0 ? nullptr : Get(entry.batch);
}

void SentBatches::Remove(Batch& batch) {
  positions_ -= batch.positions.size();
  stamps_bytes_ -= batch.stamp.size();
  batch = {};
}

SentBatches::Entry& SentBatches::Find(uint64_t position) {
  const int shift = 64 - std::countr_zero(entries_.size() / kNeighbours);
  uint64_t at = ((position / kNeighbours * kGolden) >> shift) * kNeighbours + position % kNeighbours;
  while (entries_[at].batch != 0 && entries_[at].position != position) at = (at + 1) & (entries_.size() - 1);
  return entries_[at];
}

SentBatches::Batch* SentBatches::Get(uint64_t serial) {
  if (serial < first_ || serial - first_ >= batches_.size()) return nullptr;
  Batch& batch = batches_[serial - first_];
  return batch.positions.empty() ? nullptr : &batch;
}

void SentBatches::MakeRoom(uint64_t positions) {
  std::erase_if(batches_, [](const Batch& batch) { return batch.positions.empty(); });
  entries_.assign(std::bit_ceil(std::max(kEntriesMin, 3 * (positions_ + positions))), {});
  used_ = positions_;
  for (size_t i = 0; i < batches_.size(); ++i) {
    for (const uint64_t position : batches_[i].positions) Find(position) = {position, first_ + i};
  }
}

}  // namespace ei::wal
