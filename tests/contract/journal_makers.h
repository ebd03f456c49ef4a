#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "adapters/wal/posix_disk.h"
#include "adapters/wal/wal_threads.h"
#include "clients/client_shares.h"
#include "journal/journal.h"
#include "journal/memory_journal.h"
#include "support/null_log.h"
#include "support/stepped_wal.h"
#include "support/temp_folder.h"
#include "support/virtual_clock.h"

namespace ei::contract {

struct JournalShape {
  uint64_t events_max = 1'000;   // where the number of events is limited
  uint64_t bytes_max = 4 << 20;  // the settings allow no less than 1 MiB
  size_t lanes = 4;
  ClientShares* shares = nullptr;
  uint64_t segments = 2;  // of a WAL journal
  uint64_t awaited_events_max = 100'000;
};

struct JournalMaker {
  std::string name;
  bool bounds_events;  // limits the number of events as well as their bytes
  bool survives;       // persistent: events survive a restart, as DurableEnd reports
  // The part of the byte limit that clients can share.
  std::function<uint64_t(const JournalShape&)> shareable_bytes;
  // When Append and Settle return, appended events can be taken and the space of settled events is free.
  std::function<std::shared_ptr<Journal>(const JournalShape&)> make;
  // With threads, as in the service. `wake` is the callback of OnLaneFilled.
  std::function<std::shared_ptr<Journal>(const JournalShape&, std::function<void(size_t)> wake)>
      make_threaded;

  friend void PrintTo(const JournalMaker& maker, std::ostream* out) { *out << maker.name; }
};

inline wal::WalOptions LogOptionsOf(const JournalShape& shape) {
  wal::WalOptions options;
  options.bytes_max = shape.bytes_max;
  options.segment_bytes = shape.bytes_max / shape.segments;
  options.lanes = shape.lanes;
  options.shares = shape.shares;
  options.awaited_events_max = shape.awaited_events_max;
  return options;
}

// Folder, clock and file system of a log.
template <typename Clock>
struct LogGround {
  support::TempFolder folder;
  Clock clock;
  support::NullLog log;
  std::unique_ptr<wal::PosixDirectory> directory =
      std::move(wal::PosixDirectory::OpenForWriting(folder.Path().string()).value());

  std::unique_ptr<wal::WalJournal> Open(const JournalShape& shape) {
    return std::move(wal::WalJournal::Open(LogOptionsOf(shape), *directory, clock, log, 1).value());
  }
};

struct SteppedLog {
  explicit SteppedLog(const JournalShape& shape) : journal(ground.Open(shape)) {}

  LogGround<support::VirtualClock> ground;
  support::SteppedWal journal;
};

struct ThreadedLog {
  ThreadedLog(const JournalShape& shape, std::function<void(size_t)> wake) : journal(ground.Open(shape)) {
    journal->OnLaneFilled(std::move(wake));
    threads.Start();
  }

  LogGround<support::RealClock> ground;
  const std::unique_ptr<wal::WalJournal> journal;
  wal::WalThreads threads{*journal, ground.clock, {.commit_interval = std::chrono::microseconds(200)}};
};

inline std::shared_ptr<MemoryJournal> MakeMemoryJournal(const JournalShape& shape) {
  return std::make_shared<MemoryJournal>(
      MemoryJournal::Options{.events_max = shape.events_max,
                             .bytes_max = shape.bytes_max,
                             .lanes = shape.lanes,
                             .shares = shape.shares,
                             .awaited_events_max = shape.awaited_events_max});
}

// Every adapter of the journal interface is listed here and must pass the whole contract.
inline std::vector<JournalMaker> JournalMakers() {
  return {{.name = "Memory",
           .bounds_events = true,
           .survives = false,
           .shareable_bytes = [](const JournalShape& shape) { return shape.bytes_max; },
           .make = MakeMemoryJournal,
           .make_threaded =
               [](const JournalShape& shape, std::function<void(size_t)> wake) {
                 auto journal = MakeMemoryJournal(shape);
                 journal->OnLaneFilled(std::move(wake));
                 return journal;
               }},
          {.name = "Wal",
           .bounds_events = false,
           .survives = true,
           .shareable_bytes = [](const JournalShape& shape) { return LogOptionsOf(shape).ShareableBytes(); },
           .make =
               [](const JournalShape& shape) {
                 auto log = std::make_shared<SteppedLog>(shape);
                 return std::shared_ptr<Journal>(log, &log->journal);
               },
           .make_threaded =
               [](const JournalShape& shape, std::function<void(size_t)> wake) {
                 auto log = std::make_shared<ThreadedLog>(shape, std::move(wake));
                 return std::shared_ptr<Journal>(log, log->journal.get());
               }}};
}

// Only the adapters that also limit the number of events.
inline std::vector<JournalMaker> MakersThatBoundEvents() {
  std::vector<JournalMaker> makers = JournalMakers();
  std::erase_if(makers, [](const JournalMaker& maker) { return !maker.bounds_events; });
  return makers;
}

}  // namespace ei::contract
