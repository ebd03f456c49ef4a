#include "adapters/wal/sent_recovery.h"

#include <algorithm>
#include <utility>

#include "adapters/wal/read_write.h"
#include "adapters/wal/segment_files.h"
#include "adapters/wal/sent_batches.h"

namespace ei::wal {

namespace {

// More than any log leaves, because the notes are limited by the events in memory. They limit what a start
// allocates for damaged notes.
constexpr uint64_t kUnsettledMax = 2'000'000;
constexpr uint64_t kStampsBytesMax = 64 << 20;
constexpr size_t kSettledRunsMax = 2'000'000;

class Applier final : public SentNotesVisitor {
 public:
  Applier(uint64_t end, SettledMap& settled) : end_(end), settled_(settled) {}

  void Begin(const SentHeader& header) { headers_.push_back(header); }

  // Returns whether a position at or above the log's end was noted since the last call. To be called after
  // each file.
  bool ResetBeyondEnd() { return std::exchange(beyond_end_, false); }
  uint64_t DurableEnd() const { return durable_end_; }

  void OnSent(std::span<const uint64_t> positions, std::string_view stamp) override {
    SentBatches::Batch& batch = batches_.Add(positions, stamp);
    batch.source = headers_.size() - 1;
    const bool known = NoteEnd(positions.back() + 1);
    const bool too_many = batches_.Positions() > kUnsettledMax || batches_.StampsBytes() > kStampsBytesMax;
    if (!known || too_many) batches_.Remove(batch);
  }

  // A note refers to a batch of its own file. If the batch comes from another file, the note of the batch
  // that is meant is missing.
  void OnSettledBatch(uint64_t first) override {
    SentBatches::Batch* const batch = batches_.At(first);
    if (batch == nullptr || batch->source != headers_.size() - 1 || batch->positions.front() != first) return;
    for (const uint64_t position : batch->positions) OnSettled(position, position + 1);
    batches_.Remove(*batch);
  }

  void OnSettled(uint64_t begin, uint64_t end) override {
    NoteEnd(end);
    if (settled_.Runs().size() < kSettledRunsMax) settled_.Mark(begin, std::min(end, end_));
  }

  // The batches that have an unsettled event. Batches with an empty stamp are left out.
  std::vector<FoundBatch> Unsettled() const {
    std::vector<FoundBatch> unsettled;
    batches_.ForEach([&](const SentBatches::Batch& batch) {
      if (batch.stamp.empty()) return;
      const auto settled = std::ranges::count_if(
          batch.positions, [&](uint64_t position) { return settled_.Contains(position); });
      if (static_cast<size_t>(settled) == batch.positions.size()) return;
      unsettled.push_back({headers_[batch.source], {batch.stamp, batch.positions, settled > 0}});
    });
    return unsettled;
  }

 private:
  // Notes that all events below `end` were synced. Returns false if the log's end is lower.
  bool NoteEnd(uint64_t end) {
    if (end > end_) {
      beyond_end_ = true;
      return false;
    }
    durable_end_ = std::max(durable_end_, end);
    return true;
  }

  const uint64_t end_;
  SettledMap& settled_;
  SentBatches batches_;
  std::vector<SentHeader> headers_;  // of the files so far
  bool beyond_end_ = false;
  uint64_t durable_end_ = 0;
};

DiskResult<void> ReadFile(Directory& directory, uint64_t number, Applier& applier) {
  const auto file = directory.Open(SentName(number));
  if (!file) return std::unexpected(file.error());
  char front[kSentHeaderBytes];
  const auto got = (*file)->Read(0, front);
  if (!got) return std::unexpected(got.error());
  const auto header = DecodeSentHeader({front, *got});
  if (!header) return {};
  applier.Begin(*header);
  return ReadSentFrames(**file, applier);
}

// Overwrites the header with zeros and syncs the file.
DiskResult<void> Overwrite(Directory& directory, uint64_t number) {
  const auto file = directory.Open(SentName(number));
  if (!file) return std::unexpected(file.error());
  if (auto written = FillWithZeros(**file, 0, kSentHeaderBytes); !written) return written;
  return (*file)->Sync();
}

}  // namespace

void ReadSent(Directory& directory, uint64_t end, SettledMap& settled, FoundSent& sent) {
  Applier applier(end, settled);
  for (const uint64_t number : sent.files) {
    if (const auto read = ReadFile(directory, number, applier); !read) sent.fault = read.error();
    if (applier.ResetBeyondEnd()) sent.unreliable.push_back(number);
  }
  sent.durable_end = applier.DurableEnd();
  sent.unsettled = applier.Unsettled();
}

DiskResult<void> RemoveSent(Directory& directory, const FoundSent& sent) {
  DiskResult<void> done;
  for (const uint64_t number : sent.unreliable) {
    if (done) done = Overwrite(directory, number);
  }
  for (const uint64_t number : sent.files) {
    if (done) done = directory.Remove(SentName(number));
  }
  return done ? directory.Sync() : done;
}

}  // namespace ei::wal
