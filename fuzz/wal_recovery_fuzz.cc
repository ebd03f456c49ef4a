// Starts with arbitrary files in a log's folder. The start succeeds or reports an error; the events that it
// finds can be taken, turned into dead letters and settled; and both readers of the format terminate.
//
// Bits of the first byte: 0: checksums of everything that looks like a frame are corrected (otherwise the
// checksums would reject nearly all random input). 1: a checkpoint comes before the segments. Segments have
// kSegmentBytes.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/wal/checkpoint.h"
#include "adapters/wal/log_survey.h"
#include "adapters/wal/segment_files.h"
#include "adapters/wal/segment_reader.h"
#include "adapters/wal/wal_journal.h"
#include "base/crc32c.h"
#include "delivery/dead_letter_headers.h"
#include "support/memory_folder.h"
#include "support/null_log.h"
#include "support/taken_events.h"
#include "support/virtual_clock.h"

namespace {

using ei::wal::FrameHeader;
using ei::wal::Work;

constexpr size_t kSegmentBytes = 4096;
constexpr size_t kSegmentsMax = 4;
constexpr size_t kCheckpointBytes = 256;
constexpr int kRoundsMax = 10'000;
constexpr size_t kLanes = 2;

void Require(bool holds) {
  if (!holds) std::abort();
}

uint32_t NumberAt(const std::string& bytes, size_t at) {
  uint32_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

void PutNumber(std::string& bytes, size_t at, uint32_t number) {
  std::memcpy(bytes.data() + at, &number, sizeof number);
}

uint32_t SumOf(const std::string& bytes, size_t at, size_t size) {
  return ei::base::Crc32c(std::string_view(bytes).substr(at, size));
}

// Corrects the checksums of the frame at `at` (its events, its end and its header) if it lies within the
// segment.
void MakeSumsRight(std::string& segment, size_t at) {
  constexpr size_t kEndCrc = 52;
  FrameHeader frame;
  frame.body_bytes = NumberAt(segment, at + 40);
  frame.events = NumberAt(segment, at + 48);
  frame.origins = NumberAt(segment, at + 56);
  frame.topic_size = static_cast<uint16_t>(NumberAt(segment, at + 60));
  const size_t room = segment.size() - at;
  if (frame.events > kSegmentBytes || frame.origins > kSegmentBytes || frame.body_bytes > room ||
      ei::wal::FrameBytes(frame) > room) {
    return;
  }
  size_t body = at + ei::wal::kFrameHeaderBytes;
  const size_t end = body + frame.body_bytes;
  for (size_t entry = end; entry < end + frame.events * ei::wal::kIndexEntryBytes;
       entry += ei::wal::kIndexEntryBytes) {
    const size_t size = NumberAt(segment, entry + 4);
    if (size > end - body) break;
    PutNumber(segment, entry, SumOf(segment, body, size));
    body += size;
  }
  std::memcpy(segment.data() + at, "FRAM", 4);
  PutNumber(segment, at + kEndCrc, SumOf(segment, end, ei::wal::FrameEndBytes(frame)));
  PutNumber(segment, at + 4, SumOf(segment, at + 8, ei::wal::kFrameHeaderBytes - 8));
}

ei::support::MemoryFolder::Files FilesOf(std::string_view input) {
  ei::support::MemoryFolder::Files files;
  if (input.empty()) return files;
  const int how = input.front();
  input.remove_prefix(1);
  if ((how & 2) != 0) {
    files[ei::wal::kCheckpointName] = std::make_shared<std::string>(input.substr(0, kCheckpointBytes));
    input.remove_prefix(std::min(input.size(), kCheckpointBytes));
  }
  for (size_t i = 0; i < kSegmentsMax && !input.empty(); ++i) {
    std::string segment(input.substr(0, kSegmentBytes));
    input.remove_prefix(segment.size());
    if ((how & 1) != 0) {
      segment.resize(kSegmentBytes);
      for (size_t at = ei::wal::kSegmentHeaderBytes; at < segment.size(); at += ei::wal::kSectorBytes) {
        MakeSumsRight(segment, at);
      }
    }
    // Use the number in the header, else the segment would count as unused; an input that is too short has
    // none.
    const uint64_t number = segment.size() < 20 ? i : NumberAt(segment, 16) % 64;
    files[ei::wal::SegmentName(number)] = std::make_shared<std::string>(std::move(segment));
  }
  return files;
}

// Reads every byte of a view.
uint64_t Touch(std::string_view bytes) {
  uint64_t sum = 0;
  for (const char byte : bytes) sum += static_cast<unsigned char>(byte);
  return sum;
}

class Toucher final : public ei::wal::SegmentVisitor {
 public:
  void OnFrame(const FrameHeader&, uint64_t) override {}
  bool OnEvent(const ei::wal::LoggedEvent& event) override {
    sum += Touch(event.Value()) + Touch(event.Id()) + Touch(event.Key().value_or("")) + Touch(event.Topic());
    return true;
  }
  void OnDamage(const ei::wal::LogDamage&) override {}
  void OnMissing(uint64_t, uint64_t) override {}

  uint64_t sum = 0;
};

void Survey(ei::wal::Directory& folder) {
  const auto survey = ei::wal::SurveyLog(folder);
  if (!survey) return;
  Toucher toucher;
  for (const auto& segment : survey->segments)
    ei::wal::ReadSegment(folder, segment, survey->settled, toucher);
}

void DeadLetter(const ei::JournalEvent& event) {
  ei::DeadLetterNote note;
  note.code = "invalid_record";
  note.topic = event.topic;
  const auto headers = ei::DeadLetterHeaders(note, event.context);
  Require(event.context.traceparent.empty() || headers.size() >= 6);
  Require(event.context.client.size() <= ei::kClientNameBytesMax);
  Require(Touch(event.value) + Touch(event.key) + Touch(event.topic) + Touch(event.context.traceparent) + 1 >
          0);
}

void Recover(ei::wal::Directory& folder) {
  ei::support::VirtualClock clock;
  ei::support::NullLog log;
  const ei::wal::WalOptions options{.bytes_max = 16 * kSegmentBytes,
                                    .segment_bytes = kSegmentBytes,
                                    .window_events_max = 50,
                                    .lanes = kLanes,
                                    .retain_events = 1'000,
                                    .retain_time = std::chrono::hours(24),
                                    .topic = "events"};
  const auto opened = ei::wal::WalJournal::Open(options, folder, clock, log, 1);
  if (!opened) return;
  ei::wal::WalJournal& journal = **opened;
  uint64_t retained = 0;
  journal.ReadRetained([&](const ei::wal::RetainedEvent& event) {
    retained += Touch(event.value) + Touch(event.written.value_or("")) + 1;
  });
  std::array<std::array<ei::JournalEvent, 16>, kLanes> events;
  std::array<std::span<const ei::JournalEvent>, kLanes> taken;
  bool moves = true;
  for (int round = 0; moves; ++round) {
    Require(round < kRoundsMax);
    moves = false;
    clock.Advance(std::chrono::seconds(1));
    for (const Work work : {journal.Commit(), journal.ReadBack(), journal.Housekeep()})
      moves |= work == Work::kDone;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      for (const ei::JournalEvent& event : taken[lane]) DeadLetter(event);  // valid until the next Take
      taken[lane] = std::span(events[lane]).first(journal.Take(lane, events[lane]));
      ei::support::Settle(journal, taken[lane]);
      moves |= !taken[lane].empty();
    }
  }
  Require(journal.Finish());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto files = FilesOf({reinterpret_cast<const char*>(data), size});
  ei::support::MemoryFolder folder(files);
  Survey(folder);
  Recover(folder);
  Recover(folder);  // the files that the first run left
  return 0;
}
