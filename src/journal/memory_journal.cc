#include "journal/memory_journal.h"

#include <algorithm>
#include <cstring>

namespace ei {

MemoryJournal::MemoryJournal(const Options& options)
    : options_(options),
      free_events_(options.events_max),
      completions_({options.awaited_events_max, options.shares, options.window}),
      buffer_(options.lanes, block_bytes_) {}

Appended MemoryJournal::Append(const AppendRequest& request, base::SteadyTime now) {
  uint64_t filled_lanes = 0;  // bit i % 64 is set: lane i was empty before
  Appended appended{AppendResult::kAppended};
  {
    base::MutexLock lock(mutex_);
    if (closed_) return {AppendResult::kClosed};
    const EventBatch& batch = completions_.Fresh(request, now);
    if (const auto rejection = completions_.Refuses(request, batch.Size())) return {*rejection};
    if (!batch.Empty()) {
      if (const auto rejection = WhyRejected(batch)) return {*rejection};
      Store(batch, now, filled_lanes);
    }
    appended.end = completions_.Enter(request, batch.Size(), next_position_, 0);
  }
  WakeLanes(filled_lanes, options_.lanes, wake_);
  return appended;
}

std::optional<AppendResult> MemoryJournal::WhyRejected(const EventBatch& batch) {
  const uint64_t bytes = BytesOf(batch);
  if (batch.Size() > options_.events_max || bytes > options_.bytes_max) return AppendResult::kTooLarge;
  if (!MayHold(batch)) return AppendResult::kOverShare;
  if (events_ + batch.Size() <= options_.events_max && bytes_ + bytes <= options_.bytes_max)
    return std::nullopt;
  RememberRejected(batch);
  return AppendResult::kFull;
}

void MemoryJournal::Store(const EventBatch& batch, base::SteadyTime now, uint64_t& filled_lanes) {
  const base::SteadyTime accepted_at = ages_.Add(batch.Size(), now);
  for (const EventSlices& slices : batch.Events()) {
    char* const data = buffer_.Room(slices.size);
    std::memcpy(data, batch.Bytes().data() + slices.offset, slices.size);
    JournalEvent event = EventAt(data, slices);
    event.position = next_position_++;
    event.client = batch.Client();
    event.accepted_at = accepted_at;
    buffer_.Add(event, buffer_.Filling(), filled_lanes);
  }
  const uint64_t bytes = BytesOf(batch);
  if (options_.shares != nullptr) {
    options_.shares->Take(batch.Client(), Shared::kJournalEvents, batch.Size());
    options_.shares->Take(batch.Client(), Shared::kJournalBytes, bytes);
  }
  events_ += batch.Size();
  bytes_ += bytes;
  free_events_.store(options_.events_max - events_, std::memory_order_relaxed);
}

bool MemoryJournal::Forget(Waiter& waiter) {
  const base::MutexLock lock(mutex_);
  return completions_.Forget(waiter);
}

bool MemoryJournal::MayHold(const EventBatch& batch) const {
  if (options_.shares == nullptr || !options_.shares->Contended()) return true;
  return options_.shares->Allows(batch.Client(), Shared::kJournalEvents, batch.Size()) &&
         options_.shares->Allows(batch.Client(), Shared::kJournalBytes, BytesOf(batch));
}

void MemoryJournal::RememberRejected(const EventBatch& batch) {
  const uint64_t free_events = options_.events_max - events_;
  // If the request was rejected for its bytes, any event that is freed is a reason to try again.
  const uint64_t needed = free_events == 0 ? 1 : std::max<uint64_t>(batch.Size(), free_events + 1);
  free_events_needed_.store(needed, std::memory_order_relaxed);
  rejected_bytes_.store(free_events == 0 ? 0 : batch.ClientBytes(), std::memory_order_relaxed);
}

bool MemoryJournal::Full(uint64_t bytes) const {
  return bytes >= rejected_bytes_.load(std::memory_order_relaxed) &&
         free_events_.load(std::memory_order_relaxed) < free_events_needed_.load(std::memory_order_relaxed);
}

bool MemoryJournal::AboveHighWatermark() const {
  const base::MutexLock lock(mutex_);
  return events_ > options_.events_max / 4 || bytes_ > options_.bytes_max / 4;
}

size_t MemoryJournal::Take(size_t lane, std::span<JournalEvent> out) {
  base::MutexLock lock(mutex_);
  return buffer_.Take(lane, out);
}

void MemoryJournal::Settle(const SettledEvents& settled) {
  if (options_.shares != nullptr) {
    for (const EventRun& run : settled.runs) {
      options_.shares->Give(run.client, Shared::kJournalEvents, run.events);
      options_.shares->Give(run.client, Shared::kJournalBytes, run.held_bytes);
    }
  }
  DueWakes wakes;
  base::MutexLock lock(mutex_);
  ages_.Settle(settled.runs);
  for (const EventRun& run : settled.runs) bytes_ -= run.held_bytes;
  events_ -= settled.positions.size();
  free_events_.store(options_.events_max - events_, std::memory_order_relaxed);
  completions_.Settle(settled, wakes);
}

void MemoryJournal::Close() {
  base::MutexLock lock(mutex_);
  closed_ = true;
}

JournalStats MemoryJournal::Stats() const {
  base::MutexLock lock(mutex_);
  return {events_, bytes_, options_.events_max, options_.bytes_max, ages_.Oldest()};
}

}  // namespace ei
