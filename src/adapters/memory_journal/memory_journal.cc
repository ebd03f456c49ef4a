#include "adapters/memory_journal/memory_journal.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace ei::memory_journal {

using app::Appended;
using app::AppendResult;
using app::JournalEvent;
using domain::EventSlices;

namespace {

constexpr size_t kBlockBytes = 256 << 10;
constexpr size_t kCompactBytes = 64 << 10;
constexpr size_t kLaneEventsMin = 1024;
constexpr size_t kLaneEventsKept =
    8192;  // in a lane's ring that is empty, so that a steady load allocates nothing
constexpr size_t kSpareBlocksMax = 16;  // kept for reuse, so that a steady load allocates nothing

size_t BlockBytesFor(size_t event_bytes) { return std::max(kBlockBytes, event_bytes); }

}  // namespace

MemoryJournal::MemoryJournal(const Options& options)
    : options_(options), free_events_(options.events_max), kept_(options.shares), lanes_(options.lanes) {}

uint64_t MemoryJournal::ShareableBytes(uint64_t bytes_max) {
  return bytes_max - std::min<uint64_t>(kBlockBytes, bytes_max / 2);
}

Appended MemoryJournal::Append(const domain::EventBatch& batch, base::SteadyTime now) {
  uint64_t filled_lanes = 0;  // bit i % 64: lane i was empty before
  uint64_t end = 0;
  {
    base::MutexLock lock(mutex_);
    if (closed_) return {AppendResult::kClosed};
    const uint64_t count = batch.Size();
    if (count > options_.events_max || batch.Bytes().size() > options_.bytes_max)
      return {AppendResult::kTooLarge};
    if (!MayHold(batch)) return {AppendResult::kOverShare};
    if (events_ + count > options_.events_max || !Reserve(batch)) {
      if (NeedOf(batch, 0, 0).memory > options_.bytes_max) return {AppendResult::kTooLarge};
      NoteRefused(batch);
      return {AppendResult::kFull};
    }
    for (const EventSlices& slices : batch.Events()) {
      Block& block = BlockFor(slices.size, batch.Client(), now);
      char* const data = block.data.get() + block.used;
      std::memcpy(data, batch.Bytes().data() + slices.offset, slices.size);
      block.used += slices.size;
      ++block.events;
      ++block.unsettled;
      if (options_.shares != nullptr) {
        block.owners.push_back(batch.Client());
        Hold(block, batch.Client(), slices.size);
      }

      JournalEvent event;
      event.position = next_position_++;
      event.value = {data, slices.value_size};
      event.has_key = slices.key_offset != EventSlices::kNoKey;
      if (event.has_key) event.key = {data + slices.key_offset, slices.key_size};
      const char* const trace = data + slices.size - slices.trace_size;
      event.topic = {trace - slices.topic_size, slices.topic_size};
      event.traceparent = {trace, slices.trace_size};
      event.key_hash = slices.key_hash;
      event.client = batch.Client();
      event.accepted_at = now;
      const size_t lane = (event.has_key ? event.key_hash : event.position) % lanes_.size();
      auto& queue = lanes_[lane];
      if (queue.empty()) filled_lanes |= uint64_t{1} << (lane % 64);
      if (queue.full()) queue.set_capacity(std::max(kLaneEventsMin, queue.capacity() * 2));
      queue.push_back(event);
    }
    if (options_.shares != nullptr) {
      options_.shares->Take(batch.Client(), app::Shared::kJournalEvents, count);
      options_.shares->Take(batch.Client(), app::Shared::kJournalBytes, count * app::kEventOverheadBytes);
    }
    events_ += count;
    bytes_ += count * app::kEventOverheadBytes;
    end = next_position_;
    free_events_.store(options_.events_max - events_, std::memory_order_relaxed);
  }
  for (size_t lane = 0; filled_lanes != 0 && lane < options_.lanes; ++lane) {
    if (filled_lanes >> (lane % 64) & 1) wake_(lane);
  }
  return {AppendResult::kAppended, end};
}

bool MemoryJournal::MayHold(const domain::EventBatch& batch) const {
  if (options_.shares == nullptr || !options_.shares->Contended()) return true;
  return options_.shares->Allows(batch.Client(), app::Shared::kJournalEvents, batch.Size()) &&
         options_.shares->Allows(batch.Client(), app::Shared::kJournalBytes, NeedOf(batch).share);
}

void MemoryJournal::Hold(Block& block, domain::ClientNumber client, uint64_t bytes) {
  block.holdings.Add(client, 0, bytes);
  options_.shares->Take(client, app::Shared::kJournalBytes, bytes);
}

bool MemoryJournal::Reserve(const domain::EventBatch& batch) {
  if (bytes_ + NeedOf(batch).memory <= options_.bytes_max) return true;
  bytes_ -= spare_.size() * kBlockBytes;
  spare_.clear();
  if (!blocks_.empty() && blocks_.back().events == 0) {
    bytes_ -= blocks_.back().capacity;
    blocks_.pop_back();
  }
  return bytes_ + NeedOf(batch).memory <= options_.bytes_max;
}

// For a last block with `room` bytes left and `spare` blocks that wait for use. Mirrors BlockFor.
MemoryJournal::Need MemoryJournal::NeedOf(const domain::EventBatch& batch, size_t room, size_t spare) {
  const uint64_t overhead = batch.Size() * app::kEventOverheadBytes;
  Need need{overhead, overhead + batch.Bytes().size()};
  if (room >= batch.Bytes().size()) return need;
  for (const EventSlices& slices : batch.Events()) {
    if (slices.size > room) {
      need.share += room;
      room = BlockBytesFor(slices.size);
      if (room == kBlockBytes && spare > 0) {
        --spare;
      } else {
        need.memory += room;
      }
    }
    room -= slices.size;
  }
  return need;
}

MemoryJournal::Need MemoryJournal::NeedOf(const domain::EventBatch& batch) const {
  const size_t room = blocks_.empty() ? 0 : blocks_.back().capacity - blocks_.back().used;
  Need need = NeedOf(batch, room, spare_.size());
  const bool retires_last =
      !blocks_.empty() && blocks_.back().events == 0 && !batch.Empty() && batch.Events().front().size > room;
  if (retires_last) need.share -= room;
  return need;
}

void MemoryJournal::NoteRefused(const domain::EventBatch& batch) {
  const uint64_t free_events = options_.events_max - events_;
  // Refused for its bytes: any room that comes free is a reason to try again.
  const uint64_t wanted = free_events == 0 ? 1 : std::max<uint64_t>(batch.Size(), free_events + 1);
  free_events_wanted_.store(wanted, std::memory_order_relaxed);
  refused_bytes_.store(free_events == 0 ? 0 : batch.ClientBytes(), std::memory_order_relaxed);
}

bool MemoryJournal::Full(uint64_t bytes) const {
  return bytes >= refused_bytes_.load(std::memory_order_relaxed) &&
         free_events_.load(std::memory_order_relaxed) < free_events_wanted_.load(std::memory_order_relaxed);
}

bool MemoryJournal::Crowded() const {
  const base::MutexLock lock(mutex_);
  return events_ > options_.events_max / 4 || bytes_ > options_.bytes_max / 4;
}

MemoryJournal::Block& MemoryJournal::BlockFor(size_t bytes, domain::ClientNumber client,
                                              base::SteadyTime now) {
  if (!blocks_.empty()) {
    Block& last = blocks_.back();
    if (last.events == 0) last.opened_at = now;
    if (last.capacity - last.used >= bytes) return last;
    if (last.events == 0) {
      Retire(blocks_.size() - 1);
    } else if (options_.shares != nullptr) {
      Hold(last, client, last.capacity - last.used);
    }
  }
  Block block;
  block.capacity = BlockBytesFor(bytes);
  if (block.capacity == kBlockBytes && !spare_.empty()) {
    block.data = std::move(spare_.back());
    spare_.pop_back();
  } else {
    block.data = std::make_unique_for_overwrite<char[]>(block.capacity);
    bytes_ += block.capacity;
  }
  block.first_position = next_position_;
  block.opened_at = now;
  blocks_.push_back(std::move(block));
  return blocks_.back();
}

size_t MemoryJournal::Take(size_t lane, std::span<JournalEvent> out) {
  base::MutexLock lock(mutex_);
  auto& queue = lanes_[lane];
  const size_t count = std::min(out.size(), queue.size());
  std::copy_n(queue.begin(), count, out.begin());
  queue.erase_begin(count);
  if (queue.empty() && queue.capacity() > kLaneEventsKept) queue.set_capacity(kLaneEventsKept);
  return count;
}

size_t MemoryJournal::Compact(std::span<JournalEvent> events) {
  base::MutexLock lock(mutex_);
  size_t moved = 0;
  size_t index = 0;
  while (moved < events.size() && bytes_ <= options_.bytes_max) {
    size_t count = 0;
    size_t bytes = 0;
    do {
      bytes += app::KeptEvents::BytesOf(events[moved + count]);
      ++count;
    } while (moved + count < events.size() && bytes < kCompactBytes);
    const auto group = events.subspan(moved, count);
    kept_.Keep(group);
    bytes_ += bytes;
    for (const JournalEvent& event : group) {
      index = BlockOf(event.position, index);
      LeaveBlock(index);
    }
    moved += count;
  }
  return moved;
}

void MemoryJournal::Settle(std::span<const uint64_t> positions) {
  if (positions.empty()) return;
  base::MutexLock lock(mutex_);
  size_t index = 0;
  for (const uint64_t position : positions) {
    if (const auto dropped = kept_.Empty() ? std::nullopt : kept_.Drop(position)) {
      bytes_ -= dropped->freed_bytes;
      if (options_.shares != nullptr) settled_.Add(dropped->client, 1, app::kEventOverheadBytes);
      continue;
    }
    index = BlockOf(position, index);
    if (options_.shares != nullptr) {
      const domain::ClientNumber owner = blocks_[index].owners[position - blocks_[index].first_position];
      settled_.Add(owner, 1, app::kEventOverheadBytes);
    }
    LeaveBlock(index);
  }
  if (options_.shares != nullptr) settled_.GiveTo(*options_.shares);
  events_ -= positions.size();
  bytes_ -= positions.size() * app::kEventOverheadBytes;
  free_events_.store(options_.events_max - events_, std::memory_order_relaxed);
}

void MemoryJournal::LeaveBlock(size_t index) {
  assert(blocks_[index].unsettled > 0);
  if (--blocks_[index].unsettled == 0) Recycle(index);
}

// The block's events are all settled or have moved: nothing points into it any more.
void MemoryJournal::Recycle(size_t index) {
  Block& block = blocks_[index];
  if (options_.shares != nullptr) block.holdings.GiveTo(*options_.shares);
  if (index + 1 == blocks_.size() && block.capacity == kBlockBytes) {
    block.used = 0;
    block.events = 0;
    block.owners.clear();
    block.first_position = next_position_;
  } else {
    Retire(index);
  }
}

void MemoryJournal::Retire(size_t index) {
  Block& block = blocks_[index];
  if (block.capacity == kBlockBytes && spare_.size() < kSpareBlocksMax) {
    spare_.push_back(std::move(block.data));
  } else {
    bytes_ -= block.capacity;
  }
  blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(index));
}

size_t MemoryJournal::BlockOf(uint64_t position, size_t guess) const {
  if (guess < blocks_.size() && position >= blocks_[guess].first_position &&
      position < blocks_[guess].first_position + blocks_[guess].events) {
    return guess;
  }
  const auto after =
      std::upper_bound(blocks_.begin(), blocks_.end(), position,
                       [](uint64_t p, const Block& block) { return p < block.first_position; });
  assert(after != blocks_.begin());
  return static_cast<size_t>(after - blocks_.begin()) - 1;
}

void MemoryJournal::Close() {
  base::MutexLock lock(mutex_);
  closed_ = true;
}

app::JournalStats MemoryJournal::Stats() const {
  base::MutexLock lock(mutex_);
  app::JournalStats stats;
  stats.events = events_;
  stats.bytes = bytes_;
  stats.events_max = options_.events_max;
  stats.bytes_max = options_.bytes_max;
  for (const Block& block : blocks_) {
    if (block.unsettled == 0) continue;
    stats.oldest = block.opened_at;
    break;
  }
  if (const auto kept = kept_.Oldest()) stats.oldest = std::min(*kept, stats.oldest.value_or(*kept));
  return stats;
}

}  // namespace ei::memory_journal
