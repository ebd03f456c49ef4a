// Append: assigns a batch its positions and its place in the log, or rejects it.

#include <algorithm>

#include "adapters/wal/wal_journal.h"
#include "base/crc32c.h"

namespace ei::wal {

namespace {

IndexEntry EntryOf(const EventSlices& slices, std::string_view bytes) {
  IndexEntry entry;
  entry.crc = base::Crc32c(bytes.substr(slices.offset, slices.size));
  entry.size = slices.size;
  entry.value_size = slices.value_size;
  entry.key_offset = slices.key_offset;
  entry.key_size = slices.key_size;
  entry.trace_size = static_cast<uint8_t>(slices.trace_size);
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
Appended WalJournal::Append(const AppendRequest& request, base::SteadyTime now) {
  thread_local std::vector<IndexEntry> index;
  index.clear();
  for (const EventSlices& slices : request.batch.Events()) {
    index.push_back(EntryOf(slices, request.batch.Bytes()));
  }
  Appended appended{AppendResult::kAppended};
  bool wake_commit = false;
  bool begun = false;
  {
    base::MutexLock lock(mutex_);
    if (Failed()) return {AppendResult::kFailed};
    if (closed_) return {AppendResult::kClosed};
    const EventBatch& batch = completions_.Fresh(request, now);
    if (const auto refusal = completions_.Refuses(request, batch.Size())) return {*refusal};
    if (!batch.Empty()) {
      if (const auto rejection = WhyRejected(batch)) return {*rejection};
      if (batch.Size() < request.batch.Size()) LeaveOut(request.dedup->left_out, index);
      begun = Store(batch, index, now);
      wake_commit = WakeIfIdle(commit_idle_);
      if (begun) housekeep_idle_ = false;
    }
    appended.end = completions_.Enter(request, batch.Size(), segments_.End(), DurableEnd());
  }
  if (wake_commit) wake_(Role::kCommit);
  if (begun) wake_(Role::kHousekeep);
  return appended;
}

std::optional<AppendResult> WalJournal::WhyRejected(const EventBatch& batch) {
  const uint64_t bytes = batch.Bytes().size();
  if (!tail_.EverFits(bytes, batch.Size())) return AppendResult::kTooLarge;
  if (!IsWithinShare(batch)) return AppendResult::kOverShare;
  // Unsynced events may use a quarter of the memory, but one batch is always accepted.
  const uint64_t unsynced = tail_.Bytes() + LogTail::BytesOf(bytes, batch.Size());
  const bool too_much = !tail_.Empty() && unsynced > options_.UnsyncedBytesMax();
  if (too_much || last_frame_ || !tail_.HasRoom(bytes, batch.Size())) return RejectFull(batch.ClientBytes());
  return std::nullopt;
}

// Returns whether a segment was begun.
bool WalJournal::Store(const EventBatch& batch, std::span<const IndexEntry> index, base::SteadyTime now) {
  const std::string& bytes = batch.Bytes();
  BatchSlice piece;
  piece.client = batch.Client();
  char* const room = window_.Room(bytes.size());
  std::copy(bytes.begin(), bytes.end(), room);
  piece.block = window_.Filling();
  piece.bytes = room;
  piece.size = bytes.size();
  piece.events = static_cast<uint32_t>(batch.Size());
  piece.accepted_at = now;
  piece.identity = batch.Identity();
  const int64_t wall_now = clock_.WallNow().time_since_epoch().count();
  const uint64_t used = tail_.Used();
  const uint64_t left = tail_.RoomInSegment();
  const auto header = tail_.Add(piece, index, segments_.End(), wall_now, salts_.NextRandom());
  NoteAdded(piece, used, left, header, now);
  segments_.Append(batch.Size());
  events_.store(segments_.Unsettled(), std::memory_order_relaxed);
  return header.has_value();
}

AppendResult WalJournal::RejectFull(uint64_t client_bytes) {
  const bool some_room = !last_frame_ && tail_.HasRoom(1, 1);
  rejected_bytes_.store(some_room ? client_bytes : 0, std::memory_order_relaxed);
  return AppendResult::kFull;
}

// Whether the client stays within its share. The next segment is prepared concurrently, and appending may be
// faster. So while the log has room for more than the prepared segments, the last 1/kReserveFraction of a
// segment of the prepared space is reserved for clients that use less than that of the log.
bool WalJournal::IsWithinShare(const EventBatch& batch) const {
  if (options_.shares == nullptr || !options_.shares->Contended()) return true;
  const ClientShares& shares = *options_.shares;
  const ClientNumber client = batch.Client();
  const uint64_t bytes = batch.Bytes().size();
  const uint64_t growth = tail_.GrowthBy(bytes, batch.Size());
  if (!shares.Allows(client, Shared::kJournalBytes, growth)) return false;
  const uint64_t unsynced = LogTail::BytesOf(bytes, batch.Size());
  if (!tail_.Empty() && !shares.Allows(client, Shared::kUnsyncedBytes, unsynced)) return false;
  const uint64_t kept = options_.segment_bytes / ClientShares::kReserveFraction;
  if (shares.Held(client, Shared::kJournalBytes) + growth <= kept) return true;
  const uint64_t prepared = tail_.RoomInSegment() + tail_.Prepared() * options_.segment_bytes;
  return growth + kept <= prepared || shares.Left(Shared::kJournalBytes) <= prepared;
}

void WalJournal::Charge(Segment& segment, ClientNumber client, uint64_t bytes) {
  if (options_.shares == nullptr || bytes == 0) return;
  segment.holdings.Add(client, 0, bytes);
  options_.shares->Take(client, Shared::kJournalBytes, bytes);
}

// Charges a client with the bytes by which its events made the log longer. `used` and `room` are those of the
// segment that was being filled before; `begun` is the segment that was begun for the events.
void WalJournal::NoteAdded(const BatchSlice& piece, uint64_t used, uint64_t room,
                           const std::optional<SegmentHeader>& begun, base::SteadyTime now) {
  if (begun) {
    if (room > 0) Charge(*segments_.Newest(), piece.client, room);
    segments_.Begin(*begun, now);
    used = 0;
  }
  Charge(*segments_.Newest(), piece.client, tail_.Used() - used);
  if (options_.shares == nullptr) return;
  options_.shares->Take(piece.client, Shared::kUnsyncedBytes, LogTail::BytesOf(piece.size, piece.events));
}

}  // namespace ei::wal
