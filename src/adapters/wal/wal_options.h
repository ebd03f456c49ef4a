#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "adapters/wal/checkpoint.h"
#include "adapters/wal/sent_log.h"
#include "base/time.h"
#include "clients/client_shares.h"
#include "journal/idempotency_window.h"

namespace ei::wal {

struct WalOptions {
  uint64_t bytes_max = 1 << 30;          // of disk: all segments, prepared and quarantined ones included
  uint64_t segment_bytes = 32 << 20;     // the events of a request must fit into one segment
  uint64_t window_events_max = 100'000;  // in memory: waiting to be taken, or taken and not settled
  uint64_t window_bytes_max = 64 << 20;  // memory for events, those that wait for their commit included
  size_t lanes = 1;

  // Settled events that ReadRetained still finds after a restart: this many of the newest, if they are not
  // older than `retain_time`. Their segments are kept unless new events need the space.
  uint64_t retain_events = 0;
  base::Duration retain_time{0};

  // The sink's topic for events that name none; empty: the sink has no topics. Events keep the topic they
  // were accepted with, also if a later run has another one.
  std::string topic = {};

  // How much a lane writes to one file of sent notes before it begins the next.
  uint64_t sent_file_bytes = kSentFileBytesMax;

  // Runs of settled positions in a checkpoint, at most kCheckpointRunsMax.
  size_t checkpoint_runs_max = kCheckpointRunsMax;

  // Receives what each client uses of the disk and of the memory for unsynced events. Must outlive the
  // journal.
  ClientShares* shares = nullptr;

  // See Completions. The caller may use the window until the first Append; it must outlive the journal.
  uint64_t awaited_events_max = 100'000;
  IdempotencyWindow* window = nullptr;

  // The disk space that clients can share, in whole segments, and the memory limit for unsynced events.
  uint64_t ShareableBytes() const { return bytes_max / segment_bytes * segment_bytes; }
  uint64_t UnsyncedBytesMax() const { return window_bytes_max / 4; }
};

}  // namespace ei::wal
