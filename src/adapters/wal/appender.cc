#include "adapters/wal/appender.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/crc32c.h"
#include "journal/idempotency_window.h"

namespace ei::wal {

namespace {

IndexEntry EntryOf(const EventSlices& slices, std::string_view bytes) {
  IndexEntry entry;
  entry.crc = base::Crc32c(bytes.substr(slices.offset, slices.size));
  entry.size = slices.size;
  entry.value_size = slices.value_size;
  entry.key_offset = slices.key_offset;
  entry.key_size = slices.key_size;
  entry.context_size = static_cast<uint8_t>(slices.context_size);
  entry.added_size = static_cast<uint8_t>(slices.added_size);
  entry.topic_size = static_cast<uint16_t>(slices.topic_size);
  entry.key_hash = slices.key_hash;
  entry.id_offset = slices.id_offset;
  entry.id_size = slices.id_size;
  return entry;
}

// Erases the entries whose indexes are in `left_out`, which is ascending.
void LeaveOut(const std::vector<uint32_t>& left_out, std::vector<IndexEntry>& index) {
  auto next = left_out.begin();
  uint32_t number = 0;
  std::erase_if(index, [&](const IndexEntry&) {
    const bool out = next != left_out.end() && *next == number++;
    if (out) ++next;
    return out;
  });
}

}  // namespace

// Computes the checksums of the events before it takes the lock.
Appended Appender::Append(const AppendRequest& request, base::SteadyTime now) {
  thread_local std::vector<IndexEntry> index;
  index.clear();
  for (const EventSlices& slices : request.batch.Events()) {
    index.push_back(EntryOf(slices, request.batch.Bytes()));
  }
  Appended appended{AppendResult::kAppended};
  bool wake_commit = false;
  bool begun = false;
  {
    base::MutexLock lock(state_.mutex);
    if (state_.Failed()) return {AppendResult::kFailed};
    if (state_.closed) return {AppendResult::kClosed};
    const EventBatch& batch = state_.completions.Fresh(request, now);
    if (const auto refusal = state_.completions.Refuses(request, batch.Size())) return {*refusal};
    if (!batch.Empty()) {
      if (const auto rejection = WhyRejected(batch)) return {*rejection};
      if (batch.Size() < request.batch.Size()) LeaveOut(request.dedup->left_out, index);
      begun = Store(batch, index, now);
      wake_commit = LogState::WakeIfIdle(state_.commit_idle);
      if (begun) state_.housekeep_idle = false;
    }
    appended.end =
        state_.completions.Enter(request, batch.Size(), state_.segments.End(), state_.DurableEnd());
  }
  if (wake_commit) state_.wake(Role::kCommit);
  if (begun) state_.wake(Role::kHousekeep);
  return appended;
}

std::optional<AppendResult> Appender::WhyRejected(const EventBatch& batch) {
  const uint64_t bytes = batch.Bytes().size();
  if (!state_.tail.EverFits(bytes, batch.Size())) return AppendResult::kTooLarge;
  if (!IsWithinShare(batch)) return AppendResult::kOverShare;
  // Unsynced events may use a quarter of the memory, but one batch is always accepted.
  const uint64_t unsynced = state_.tail.Bytes() + LogTail::BytesOf(bytes, batch.Size());
  const bool too_much = !state_.tail.Empty() && unsynced > state_.options.UnsyncedBytesMax();
  if (too_much || state_.last_frame.waiting || !state_.tail.HasRoom(bytes, batch.Size()))
    return RejectFull(batch.ClientBytes());
  return std::nullopt;
}

// Returns whether a segment was begun.
bool Appender::Store(const EventBatch& batch, std::span<const IndexEntry> index, base::SteadyTime now) {
  const std::string& bytes = batch.Bytes();
  BatchSlice piece;
  piece.client = batch.Client();
  char* const room = state_.durable.window.Room(bytes.size());
  std::copy(bytes.begin(), bytes.end(), room);
  piece.block = state_.durable.window.Filling();
  piece.bytes = room;
  piece.size = bytes.size();
  piece.events = static_cast<uint32_t>(batch.Size());
  piece.accepted_at = now;
  piece.identity = batch.Identity();
  const int64_t wall_now = state_.clock.WallNow().time_since_epoch().count();
  const uint64_t used = state_.tail.Used();
  const uint64_t left = state_.tail.RoomInSegment();
  const auto header =
      state_.tail.Add(piece, index, state_.segments.End(), wall_now, state_.salts.NextRandom());
  state_.NoteAdded(piece, used, left, header, now);
  state_.segments.Append(batch.Size());
  state_.hints.events.store(state_.segments.Unsettled(), std::memory_order_relaxed);
  return header.has_value();
}

AppendResult Appender::RejectFull(uint64_t client_bytes) {
  const bool some_room = !state_.last_frame.waiting && state_.tail.HasRoom(1, 1);
  state_.hints.rejected_bytes.store(some_room ? client_bytes : 0, std::memory_order_relaxed);
  return AppendResult::kFull;
}

// Whether the client stays within its share. The next segment is prepared concurrently, and appending may be
// faster. So while the log has room for more than the prepared segments, the last 1/kReserveFraction of a
// segment of the prepared space is reserved for clients that use less than that of the log.
bool Appender::IsWithinShare(const EventBatch& batch) const {
  if (state_.options.shares == nullptr || !state_.options.shares->Contended()) return true;
  const ClientShares& shares = *state_.options.shares;
  const ClientNumber client = batch.Client();
  const uint64_t bytes = batch.Bytes().size();
  const uint64_t growth = state_.tail.GrowthBy(bytes, batch.Size());
  if (!shares.Allows(client, Shared::kJournalBytes, growth)) return false;
  const uint64_t unsynced = LogTail::BytesOf(bytes, batch.Size());
  if (!state_.tail.Empty() && !shares.Allows(client, Shared::kUnsyncedBytes, unsynced)) return false;
  const uint64_t kept = state_.options.segment_bytes / ClientShares::kReserveFraction;
  if (shares.Held(client, Shared::kJournalBytes) + growth <= kept) return true;
  const uint64_t prepared =
      state_.tail.RoomInSegment() + state_.tail.Prepared() * state_.options.segment_bytes;
  return growth + kept <= prepared || shares.Left(Shared::kJournalBytes) <= prepared;
}

}  // namespace ei::wal
