#include "adapters/wal/sent_log.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <system_error>
#include <utility>

#include "adapters/wal/read_write.h"
#include "adapters/wal/segment_files.h"

namespace ei::wal {

namespace {

// Pause between a disk error and the next file.
constexpr base::Duration kFaultPause = std::chrono::seconds(5);
// A frame of copies is closed when it has at least this many bytes.
constexpr uint64_t kCopiesFrameBytes = 256 << 10;
// Noting is not resumed while there are this many old files, as some of them can't be removed.
constexpr size_t kOldFilesMax = 100;
// The most runs of one note: with at most 18 bytes for each run the note fits into a frame.
constexpr size_t kNotedRunsMax = 200'000;

// Whether the batch can be noted as a batch; otherwise its events are noted without a stamp.
bool CanBeNoted(std::span<const uint64_t> positions, std::string_view stamp) {
  return positions.size() <= kSentEventsMax && stamp.size() <= kSentStampBytesMax;
}

// Whether `positions` begin with all positions of the batch.
bool BeginWith(std::span<const uint64_t> positions, const SentBatches::Batch& batch) {
  return positions.size() >= batch.positions.size() &&
         std::ranges::equal(positions.first(batch.positions.size()), batch.positions);
}

}  // namespace

LaneSentLog::LaneSentLog(const SentHeader& header, std::vector<SentBatch> unsettled, SentFiles& files,
                         Directory& directory, const Clock& clock, Log& log)
    : header_(header),
      files_(files),
      directory_(directory),
      clock_(clock),
      log_(log),
      unsettled_(std::move(unsettled)) {
  // A broken batch stays until the next start, which knows which of its events are settled.
  for (const SentBatch& batch : unsettled_) batches_.Add(batch.positions, batch.stamp);
}

void LaneSentLog::Begin(const SettledMap& settled, size_t runs) {
  std::string frames = Copies();
  const auto first = settled.Runs().lower_bound(settled.AlwaysLowestEnd(runs));
  const std::vector<PositionRun> beyond(first, settled.Runs().end());
  for (std::span<const PositionRun> left = beyond; !left.empty();) {
    const auto some = left.first(std::min(left.size(), kNotedRunsMax));
    std::string note;
    AppendSettled(note, some);
    AppendSentFrame(frames, note);
    left = left.subspan(some.size());
  }
  if (frames.empty()) return;
  if (!beyond.empty()) settled_end_ = beyond.back().second;
  if (const auto begun = BeginFile(frames); !begun) StopFor(begun.error());
}

std::vector<SentBatch> LaneSentLog::TakeUnsettled() { return std::exchange(unsettled_, {}); }

void LaneSentLog::NoteSent(std::span<const uint64_t> positions, std::string_view stamp) {
  assert(std::ranges::is_sorted(positions));
  if (!CanBeNoted(positions, stamp)) {
    for (auto left = positions; !left.empty();) {
      const auto some = left.first(std::min<size_t>(left.size(), kSentEventsMax));
      NoteSent(some, {});
      left = left.subspan(some.size());
    }
    return;
  }
  if (positions.empty()) return;
  batches_.Add(positions, stamp);
  if (!stopped_) AppendSent(notes_, positions, stamp);
  StopIfLong();
}

void LaneSentLog::NoteSettled(std::span<const uint64_t> positions) {
  loose_.clear();
  while (!positions.empty()) {
    const uint64_t first = positions.front();
    SentBatches::Batch* const batch = batches_.At(first);
    size_t settled = 1;
    if (batch != nullptr && BeginWith(positions, *batch)) {
      settled = batch->positions.size();
      settled_end_ = std::max(settled_end_, batch->positions.back() + 1);
      if (!stopped_) AppendSettledBatch(notes_, first);
      batches_.Remove(*batch);
    } else {
      loose_.push_back(first);
      if (batch != nullptr && ++batch->settled == batch->positions.size()) batches_.Remove(*batch);
    }
    positions = positions.subspan(settled);
  }
  if (!loose_.empty() && !stopped_) AddLoose();
  StopIfLong();
}

void LaneSentLog::AddLoose() {
  std::ranges::sort(loose_);
  std::vector<PositionRun> runs;
  for (const uint64_t position : loose_) {
    if (!runs.empty() && runs.back().second >= position) {
      runs.back().second = position + 1;
    } else {
      runs.emplace_back(position, position + 1);
    }
  }
  settled_end_ = std::max(settled_end_, loose_.back() + 1);
  AppendSettled(notes_, runs);
}

void LaneSentLog::Flush() {
  const uint64_t snapshots = files_.snapshots.load(std::memory_order_acquire);
  for (OldFile& old : old_files_) old.snapshots = old.snapshots.value_or(snapshots);
  if (stopped_) {
    Resume();
  } else if (!notes_.empty()) {
    Write();
  }
  RemoveOldFiles();
}

void LaneSentLog::Write() {
  if (old_bytes_ + bytes_ + notes_.size() > kSentLaneBytesMax) return StopForRoom();
  DiskResult<void> done;
  if (file_ == nullptr) done = BeginFile({});
  if (done) {
    frame_.clear();
    AppendSentFrame(frame_, notes_);
    done = WriteAll(*file_, bytes_, frame_);
  }
  if (!done) return StopFor(done.error());
  bytes_ += frame_.size();
  notes_.clear();
  if (bytes_ < next_file_at_) return;
  const std::string copies = Copies();
  if (old_bytes_ + bytes_ + copies.size() > kSentLaneBytesMax) return StopForRoom();
  if (const auto begun = BeginFile(copies); !begun) StopFor(begun.error());
}

// The unsettled batches, encoded as frames.
std::string LaneSentLog::Copies() const {
  std::string frames;
  std::string notes;
  batches_.ForEach([&](const SentBatches::Batch& batch) {
    AppendSent(notes, batch.positions, batch.stamp);
    if (notes.size() < kCopiesFrameBytes) return;
    AppendSentFrame(frames, notes);
    notes.clear();
  });
  if (!notes.empty()) AppendSentFrame(frames, notes);
  return frames;
}

// Begins a new file with `frames`. If this fails, the current file is unchanged.
DiskResult<void> LaneSentLog::BeginFile(std::string_view frames) {
  const uint64_t number = files_.next_number.fetch_add(1, std::memory_order_relaxed);
  auto file = directory_.Create(SentName(number));
  if (!file) return std::unexpected(file.error());
  const std::string bytes = EncodeSentHeader(header_).append(frames);
  if (auto written = WriteAll(**file, 0, bytes); !written) {
    if (!directory_.Remove(SentName(number))) old_files_.push_front({.number = number, .snapshots = 0});
    return written;
  }
  Retire();
  file_ = std::move(*file);
  number_ = number;
  bytes_ = bytes.size();
  next_file_at_ = bytes_ + files_.file_bytes;
  return {};
}

void LaneSentLog::Retire() {
  if (file_ == nullptr) return;
  old_files_.push_back({number_, bytes_, settled_end_, std::nullopt});
  old_bytes_ += bytes_;
  file_.reset();
  bytes_ = 0;
  settled_end_ = 0;
}

void LaneSentLog::StopFor(int error) { Stop(kFaultPause, std::system_category().message(error)); }

void LaneSentLog::StopForRoom() {
  Stop({}, "its files are full until a checkpoint contains what they note as settled");
}

// A frame can't hold more.
void LaneSentLog::StopIfLong() {
  if (notes_.size() > kSentFrameBytesMax) Stop({}, "too many notes at once");
}

void LaneSentLog::Stop(base::Duration pause, std::string_view why) {
  stopped_ = true;
  notes_ = {};
  Retire();
  settled_end_ = 0;
  resume_at_ = clock_.Now() + pause;
  if (std::exchange(logged_, true)) return;
  log_.Write(LogLevel::kWarn, "wal",
             "wal.dir (WAL_DIR): sent events can't be noted; retrying. After a crash, events that were sent "
             "meanwhile may be delivered twice",
             {{"error", why}, {"lane", uint64_t{header_.lane}}});
}

void LaneSentLog::Resume() {
  if (clock_.Now() < resume_at_) return;
  const std::string frames = Copies();
  if (old_bytes_ + frames.size() > kSentLaneBytesMax / 2 || old_files_.size() >= kOldFilesMax) return;
  if (const auto begun = BeginFile(frames); !begun) return StopFor(begun.error());
  stopped_ = false;
  logged_ = false;
  log_.Write(LogLevel::kInfo, "wal", "sent events are noted again", {{"lane", uint64_t{header_.lane}}});
}

// While noting is paused, the newest old file stays: it is the only one that contains all unsettled batches.
void LaneSentLog::RemoveOldFiles() {
  const uint64_t saved = files_.saved.load(std::memory_order_acquire);
  const uint64_t saved_end = files_.saved_end.load(std::memory_order_relaxed);
  while (old_files_.size() > (stopped_ ? 1 : 0)) {
    const OldFile& oldest = old_files_.front();
    if (!oldest.snapshots || *oldest.snapshots >= saved || oldest.settled_end > saved_end) return;
    const auto removed = directory_.Remove(SentName(oldest.number));
    if (!removed && removed.error() != ENOENT) return;
    old_bytes_ -= oldest.bytes;
    old_files_.pop_front();
  }
}

}  // namespace ei::wal
