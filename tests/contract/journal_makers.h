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
  uint64_t events_max = 1'000;   // where events are bounded
  uint64_t bytes_max = 4 << 20;  // 1 MiB is the least that the settings allow
  size_t lanes = 4;
  ClientShares* shares = nullptr;
  uint64_t segments = 2;  // of a log
  uint64_t awaited_events_max = 100'000;
};

struct JournalMaker {
  std::string name;
  bool bounds_events;  // apart from their bytes
  bool survives;       // keeps its events, as DurableEnd says
  // Of the bytes that bound it, what clients can share.
  std::function<uint64_t(const JournalShape&)> shareable_bytes;
  // What was appended may be taken, and what was settled has given back its room, once the call has returned.
  std::function<std::shared_ptr<Journal>(const JournalShape&)> make;
  // As it runs in the service. `wake` is OnLaneFilled's.
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

// What a log stands on.
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

// Every adapter of the journal port stands here once and has to pass the whole contract.
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
           .shareable_bytes =
               [](const JournalShape& shape) { return wal::WalJournal::ShareableBytes(LogOptionsOf(shape)); },
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

// Those that bound the number of events too.
inline std::vector<JournalMaker> MakersThatBoundEvents() {
  std::vector<JournalMaker> makers = JournalMakers();
  std::erase_if(makers, [](const JournalMaker& maker) { return !maker.bounds_events; });
  return makers;
}

}  // namespace ei::contract
