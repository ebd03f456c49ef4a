#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "journal/journal.h"
#include "journal/stalled_topic.h"

namespace ei::wal {

// Events that stay on the disk because their partition is stalled. Without it the backlog of one stalled
// partition would fill the memory, and the events of the others could not be read back.
//
// Events with the same key keep their order: once an event of a partition is deferred, every later one is
// deferred too, until all of them have returned. A partition here is the bucket of key hashes by the number
// of partitions that the topic had when its first event was deferred. A topic that gets more partitions keeps
// its buckets until none of its events is deferred. Events without a key are never deferred, as the sink can
// send them to any partition.
//
// Takes 16 bytes an event. Not thread-safe.
class DeferredEvents {
 public:
  // At most about `events_max` are deferred; see Full.
  explicit DeferredEvents(uint64_t events_max) : events_max_(events_max) {}

  // Replaces the list of stalled partitions.
  void UseStalls(std::vector<StalledTopic> stalls);

  // Whether Defer could return true.
  bool Active() const { return !stalls_.empty() || events_ > 0; }
  // No further event should be offered to Defer.
  bool Full() const { return events_ >= events_max_; }
  uint64_t Events() const { return events_; }
  std::optional<base::SteadyTime> Oldest() const;

  // Whether the event has to wait on the disk; it is counted among the deferred then. Called in the order of
  // positions. `topic` is the name of its topic.
  bool Defer(std::string_view topic, const JournalEvent& event);

  // The position of the oldest event that can return because its partition is not stalled any more.
  std::optional<uint64_t> NextReturn() const;
  // Whether the event, which was read again, is deferred and can return; it is not deferred any more then.
  // Called in the order of positions, from NextReturn() on.
  bool Return(std::string_view topic, const JournalEvent& event);
  // The events of positions from `from` to `to` - 1 can't be read. Those that could return are not deferred
  // any more; returns their positions.
  std::vector<uint64_t> DropLost(uint64_t from, uint64_t to);

 private:
  struct Event {
    uint64_t position;
    base::SteadyTime accepted_at;
  };
  using Bucket = std::deque<Event>;  // ascending; never empty
  struct Topic {
    uint32_t partitions = 0;
    std::map<uint32_t, Bucket> buckets;
  };
  using Topics = std::map<std::string, Topic, std::less<>>;

  const StalledTopic* StallsOf(std::string_view topic) const;
  bool IsStalled(const std::string& topic, uint32_t partitions, uint32_t bucket) const;

  const uint64_t events_max_;
  std::vector<StalledTopic> stalls_;
  Topics topics_;  // that have deferred events
  uint64_t events_ = 0;
  // nullopt: to be found again.
  mutable std::optional<std::optional<uint64_t>> next_return_;
};

}  // namespace ei::wal
