// Starts with arbitrary files of sent notes. The start reads them, ignores notes about events that the log
// doesn't have, assigns each position to at most one batch, and continues. A second start finds exactly the
// same.
//
// Bits of the first byte: 0: the input holds notes without a header, which are put into frames of kFrameBytes
// with correct checksums (otherwise the checksum would reject nearly all random input); else it holds whole
// files of kFileBytes. 1: the notes belong to two lanes.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/wal/log_limits.h"
#include "adapters/wal/segment_files.h"
#include "adapters/wal/sent_notes.h"
#include "adapters/wal/sent_recovery.h"
#include "adapters/wal/wal_journal.h"
#include "support/events.h"
#include "support/memory_folder.h"
#include "support/null_log.h"
#include "support/stepped_wal.h"
#include "support/virtual_clock.h"

namespace {

constexpr size_t kFileBytes = 1024;
constexpr size_t kFilesMax = 8;
constexpr size_t kFrameBytes = 128;
constexpr size_t kEvents = 40;
const ei::wal::WalOptions kOptions{
    .bytes_max = 64 << 10, .segment_bytes = 4 << 10, .lanes = 2, .sent_file_bytes = 256};

void Require(bool holds) {
  if (!holds) std::abort();
}

std::string FileOf(std::string_view bytes, uint32_t lane) {
  std::string file = ei::wal::EncodeSentHeader({.lane = lane, .lanes = 2});
  while (!bytes.empty()) {
    const std::string_view notes = bytes.substr(0, kFrameBytes);
    ei::wal::AppendSentFrame(file, notes);
    bytes.remove_prefix(notes.size());
  }
  return file;
}

using Files = std::vector<std::pair<uint64_t, std::string>>;

Files FilesOf(std::string_view input) {
  Files files;
  if (input.empty()) return files;
  const int how = input.front();
  input.remove_prefix(1);
  for (size_t i = 0; i < kFilesMax && !input.empty(); ++i) {
    const std::string_view bytes = input.substr(0, kFileBytes);
    input.remove_prefix(bytes.size());
    const auto lane = static_cast<uint32_t>((how & 2) != 0 ? i % 2 : 0);
    files.emplace_back(i, (how & 1) != 0 ? FileOf(bytes, lane) : std::string(bytes));
  }
  return files;
}

struct Found {
  ei::wal::SettledMap settled;
  ei::wal::FoundSent sent;
};

Found Read(ei::wal::Directory& folder, uint64_t end) {
  Found found;
  const auto names = folder.List();
  for (const std::string& name : *names) {
    if (const auto number = ei::wal::SentNumber(name)) found.sent.files.push_back(*number);
  }
  std::ranges::sort(found.sent.files);
  ei::wal::ReadSent(folder, end, found.settled, found.sent);
  Require(found.settled.End() <= end && found.sent.durable_end <= end);
  std::set<uint64_t> positions;
  for (const auto& [by, batch] : found.sent.unsettled) {
    Require(!batch.stamp.empty() && batch.stamp.size() <= ei::wal::kSentStampBytesMax);
    size_t settled = 0;
    for (const uint64_t position : batch.positions) {
      Require(position < end && positions.insert(position).second);
      if (found.settled.Contains(position)) ++settled;
    }
    Require(settled < batch.positions.size() && batch.broken == (settled > 0));
  }
  return found;
}

// A log of kEvents unsettled events.
ei::support::MemoryFolder::Files Log() {
  ei::support::MemoryFolder folder({});
  ei::support::VirtualClock clock;
  ei::support::NullLog log;
  const auto journal = ei::wal::WalJournal::Open(kOptions, folder, clock, log, 1);
  Require(journal.has_value());
  ei::EventBatch batch;
  for (size_t i = 0; i < kEvents; ++i) ei::support::AddRawEvent(batch, std::to_string(i), std::nullopt, 0);
  Require((*journal)->Append(batch, clock.Now()) == ei::AppendResult::kAppended);
  ei::support::RunIdle(**journal);
  Require((*journal)->Finish());
  ei::support::MemoryFolder::Files files;
  for (const std::string& name : folder.Names()) {
    const auto file = folder.Open(name);
    std::string bytes((*file)->Size().value(), '\0');
    Require((*file)->Read(0, bytes).has_value());
    files[name] = std::make_shared<const std::string>(std::move(bytes));
  }
  return files;
}

// Starts with these notes; returns the number of unsettled events.
uint64_t Start(ei::wal::Directory& folder) {
  ei::support::VirtualClock clock;
  ei::support::NullLog log;
  const auto journal = ei::wal::WalJournal::Open(kOptions, folder, clock, log, 2);
  Require(journal.has_value());
  for (size_t lane = 0; lane < kOptions.lanes; ++lane) {
    ei::SentLog& sent = *(*journal)->Sent(lane);
    for (const auto& batch : sent.TakeUnsettled()) Require(batch.positions.back() < kEvents);
    sent.Flush();
  }
  Require((*journal)->Counts().lost == 0);
  return (*journal)->Events();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ei::support::MemoryFolder::Files kLog = Log();
  const Files notes = FilesOf({reinterpret_cast<const char*>(data), size});
  auto files = kLog;
  for (const auto& [number, bytes] : notes) {
    files[ei::wal::SentName(number)] = std::make_shared<const std::string>(bytes);
  }
  ei::support::MemoryFolder folder(files);
  const Found found = Read(folder, kEvents);
  Read(folder, ei::wal::kPositionsMax);
  const uint64_t left = Start(folder);
  Require(left == found.settled.Unsettled(0, kEvents));
  Require(Start(folder) == left);  // from the files that the first start left
  return 0;
}
