#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/wal/log_survey.h"
#include "adapters/wal/posix_disk.h"
#include "adapters/wal/segment_files.h"
#include "adapters/wal/segment_reader.h"
#include "adapters/wal/wal_journal.h"
#include "support/events.h"
#include "support/null_log.h"
#include "support/taken_events.h"
#include "support/temp_folder.h"
#include "support/virtual_clock.h"

namespace ei::support {

// A log in its own folder, written by the journal itself, for tests that damage it. Each commit has two
// events of about 200 bytes and takes two sectors; a segment holds kCommits commits.
class WrittenLog {
 public:
  static constexpr uint64_t kFrameBytes = 1024;
  static constexpr uint64_t kCommits = 7;  // per segment
  static constexpr uint64_t kSegmentEvents = 2 * kCommits;
  static constexpr uint64_t kSegmentBytes = wal::kSegmentHeaderBytes + kCommits * kFrameBytes;

  WrittenLog() { Start(); }

  // Opens the journal, as a process would; the functions below require it.
  void Start() {
    auto directory = wal::PosixDirectory::OpenForWriting(Folder());
    ASSERT_TRUE(directory) << directory.error().message;
    directory_ = std::move(*directory);
    const wal::WalOptions options{.bytes_max = 64 * kSegmentBytes, .segment_bytes = kSegmentBytes};
    auto journal = wal::WalJournal::Open(options, *directory_, clock_, log_, ++seed_);
    ASSERT_TRUE(journal) << journal.error().message;
    journal_ = std::move(*journal);
  }

  void Commit(uint64_t commits, int events_each = 2) {
    for (uint64_t i = 0; i < commits; ++i) {
      EventBatch batch;
      for (int k = 0; k < events_each; ++k) {
        const std::string id = "e" + std::to_string(next_++);
        const std::string json =
            R"({"id":")" + id + R"(","type":"t","pad":")" + std::string(180, '.') + "\"}";
        batch.Add(EventWithId(json, id), {}, "2026-01-31T12:00:00Z", {});
      }
      ASSERT_EQ(journal_->Append(batch, clock_.Now()), AppendResult::kAppended);
      Work();
    }
  }

  // Commits one event with any bytes; `id` is a substring of `value`.
  void CommitRaw(std::string_view value, std::string_view id, std::optional<std::string_view> key,
                 std::string topic = {}) {
    DecodedEvent event;
    event.json = value;
    event.id = StringMember(value.substr(value.find(id), id.size()));
    event.timestamp = event.id;
    event.key = key.value_or("");
    event.has_key = key.has_value();
    EventBatch batch;
    const Route route{.topic = std::move(topic), .key_source = KeySource::kPointer};
    event.route = &route;
    batch.Add(event, {}, {}, {});
    ASSERT_EQ(journal_->Append(batch, clock_.Now()), AppendResult::kAppended);
    Work();
  }

  // Settles the oldest unsettled events, as if they had been delivered; positions in [skipped_from,
  // skipped_end) stay unsettled.
  void Settle(uint64_t events, uint64_t skipped_from = ~uint64_t{0}, uint64_t skipped_end = 0) {
    auto taken = Take(*journal_, 0, events);
    ASSERT_EQ(taken.size(), events);
    std::erase_if(taken, [&](const TakenEvent& event) {
      return event.position >= skipped_from && event.position < skipped_end;
    });
    support::Settle(*journal_, taken);
    clock_.Advance(std::chrono::seconds(1));
    Work();
  }

  // The process dies, and the next one right after it has copied the newest commit into a new segment; no
  // checkpoint says yet that the copy is durable.
  void CrashAfterACopy() {
    Crash();
    const std::string checkpoint = ReadFile(Path(wal::kCheckpointName));
    Start();
    ASSERT_EQ(journal_->Commit(), wal::Work::kIdle);
    Crash();
    WriteFile(Path(wal::kCheckpointName), checkpoint);
  }

  // The keys (ids) of all unsettled events.
  std::vector<std::string> TakeAll() {
    std::vector<std::string> ids;
    Work();
    for (auto taken = Take(*journal_, 0, 100); !taken.empty(); taken = Take(*journal_, 0, 100)) {
      for (const TakenEvent& event : taken) ids.emplace_back(event.key);
      support::Settle(*journal_, taken);
      Work();
    }
    return ids;
  }

  void Stop() {
    journal_->Finish();
    Crash();
  }
  void Crash() {
    journal_.reset();
    directory_.reset();
  }

  std::string Folder() const { return folder_.Path() / "wal"; }
  std::filesystem::path Path(const std::string& name) const { return folder_.Path() / "wal" / name; }
  VirtualClock& Clock() { return clock_; }
  const wal::WalJournal& Journal() const { return *journal_; }

  static uint64_t FrameOffset(uint64_t frame) { return wal::kSegmentHeaderBytes + frame * kFrameBytes; }

  // Inverts every bit of the bytes.
  void Damage(const std::string& name, uint64_t offset, uint64_t bytes = 1) const {
    std::string content = ReadFile(Path(name));
    ASSERT_LE(offset + bytes, content.size());
    for (uint64_t i = offset; i < offset + bytes; ++i) content[i] = static_cast<char>(~content[i]);
    WriteFile(Path(name), content);
  }
  void DamageEvent(uint64_t segment, uint64_t frame, uint64_t event = 0) const {
    Damage(wal::SegmentName(segment), FrameOffset(frame) + wal::kFrameHeaderBytes + event * 212 + 20);
  }
  void DamageFrame(uint64_t segment, uint64_t frame) const {
    Damage(wal::SegmentName(segment), FrameOffset(frame), wal::kSectorBytes);
  }
  void DamageHeader(uint64_t segment) const {
    Damage(wal::SegmentName(segment), 0, wal::kSegmentHeaderBytes);
  }

  // File names in order, without LOCK.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(Folder())) {
      if (entry.path().filename() != "LOCK") names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return names;
  }

 private:
  void Work() {
    for (bool more = true; more;) {
      more = journal_->Commit() == wal::Work::kDone;
      more |= journal_->ReadBack() == wal::Work::kDone;
      more |= journal_->Housekeep() == wal::Work::kDone;
    }
  }

  TempFolder folder_;
  VirtualClock clock_;
  NullLog log_;
  uint64_t seed_ = 0;
  uint64_t next_ = 0;
  std::unique_ptr<wal::PosixDirectory> directory_;
  std::unique_ptr<wal::WalJournal> journal_;
};

}  // namespace ei::support
