#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "app/ports/event_sink.h"
#include "base/time.h"

namespace ei::app {

// What a lane has taken from the journal and may not have sent yet, by destination, so that one that is slow
// or dead holds back its own events only.
//
// How many events a destination may have in flight follows from what all of them leave: at most kShare times
// the room that is left of a pool (A. K. Choudhury, E. L. Hahne, "Dynamic Queue Length Thresholds for
// Shared-Memory Packet Switches", 1998). One busy destination gets the whole window; each one that is stuck
// takes its part of the pool and leaves a part to the others, however many are stuck. The pool is a quarter
// larger than the window; a destination that has nothing in flight may always send one.
//
// And it has at most twice as many as it had between its last deliveries (as TCP's slow start: V. Jacobson,
// "Congestion Avoidance and Control", 1988), so that one that stops to deliver takes little more from then
// on.
//
// An event that may go to any of several destinations gets one when it leaves: of two the one with the lesser
// load, so that one that is stuck loses against any other (M. Mitzenmacher, "The Power of Two Choices in
// Randomized Load Balancing", 2001). Neighbours stay together while that makes little difference.
//
// Order: events of a destination leave in journal order. After a failure nothing of the destination leaves
// until all that it has in flight is back.
//
// When a topic gets another layout, what waits is added anew, and a new destination waits for the events in
// flight to the old ones that would go to it now (Await): so the events of a key stay in order.
//
// A destination under suspicion refuses everything, as far as is known: it gets one event at a time to find
// out, with pauses, until one is delivered: the first one of a key, now the key of the newest event, now that
// of any. Not thread-safe.
class DestinationQueues {
 public:
  struct Entry {
    uint64_t slot = 0;
    uint64_t position = 0;
    // Not 0: it may leave only in a group of at most so many like it, with nothing else of its destination in
    // flight.
    uint32_t group_max = 0;
    uint32_t key_hash = 0;  // those with equal ones may have the same key
    bool refused = false;   // when it was alone: others of its key need not wait for it
  };
  struct Departure {
    uint64_t slot;
    DestinationId destination;
    uint32_t group = 0;  // the size of the group that it leaves in; 0: in none
  };

  explicit DestinationQueues(size_t window);

  // Behind what waits already; positions of a destination rise. To one of `ways.count` destinations.
  void Add(const Destinations& ways, const Entry& entry);
  // It failed: to its place in the order of positions. Its destination waits at least until `not_before`.
  // EndPutBack makes those of any number of calls wait; nothing else may be called in between but Returned,
  // Delivered and PutAside.
  void PutBack(const Destinations& ways, const Entry& entry, base::SteadyTime not_before);
  void EndPutBack();
  // The same, but its destination goes on meanwhile.
  void PutAside(const Destinations& ways, const Entry& entry, base::SteadyTime due);
  // The report of one that left has come. True: its destination is of an old layout, and Arrived is due.
  bool Returned(DestinationId destination);
  bool Delivered(DestinationId destination, base::SteadyTime now);

  // The topic's layout as of the last Relayout.
  uint32_t LayoutOf(uint32_t topic) const { return topic < topics_.size() ? topics_[topic].layout : 0; }
  // The topic has another layout: takes out all that waits, to be added anew, in the order of positions.
  std::vector<Entry> Relayout(uint32_t topic, uint32_t layout);
  // An event in flight to an old layout, which would go here now; and its report.
  void Await(const Destinations& ways, base::SteadyTime now);
  void Arrived(DestinationId destination, base::SteadyTime now);

  // How many were delivered to the topic.
  uint64_t DeliveredTo(uint32_t topic) const { return topic < topics_.size() ? topics_[topic].delivered : 0; }
  // It refuses everything. Returns how often this was said since its last delivery.
  uint32_t Suspect(const Destinations& ways);
  bool Suspected(DestinationId destination) const;
  // One of its events was given up; `proven`: as its topic takes others. Ends the suspicion then, and when
  // there is nothing left to find out with.
  void GivenUp(DestinationId destination, bool proven);

  // Appends what may leave now, at most `max`.
  void TakeDepartures(base::SteadyTime now, size_t max, std::vector<Departure>& departures);

  // Those that have events and had no delivery for `time`, while others had at least half as many as there
  // are events here. Others that stand still too make none stuck. Looks at all of them.
  std::vector<DestinationId> Stuck(base::SteadyTime now, base::Duration time) const;

  // Nothing more leaves to it, while it has something in flight, until it has a delivery.
  void Halt(DestinationId destination) { Of(destination).halted = true; }

  // Tells the slots of what waits in its queue, from either end on, as long as `visit` says true.
  template <typename Visit>
  void VisitWaiting(DestinationId destination, Visit visit) const {
    const auto found = queues_.find(destination);
    if (found == queues_.end()) return;
    const std::deque<Entry>& entries = found->second.entries;
    for (auto entry = entries.rbegin(); entry != entries.rend() && visit(entry->slot); ++entry) {
    }
    for (auto entry = entries.begin(); entry != entries.end() && visit(entry->slot); ++entry) {
    }
  }

  // When something that waits only for time to pass may leave; nullopt: nothing does.
  std::optional<base::SteadyTime> NextDeparture() const;

  // After how many reports it is worth looking for departures again; 0: nothing waits for reports.
  size_t ReportsWorthALook() const;

  size_t Waiting() const { return waiting_; }
  size_t InFlight() const { return in_flight_; }

 private:
  static constexpr size_t kShare = 4;
  static constexpr size_t kReachMin = 256;
  static constexpr size_t kUnevenMax = 64;              // by which the loads of two ways may differ
  static constexpr uint64_t kStuckDeliveriesMin = 100;  // of others

  struct Topic {
    uint32_t layout = 0;
    uint64_t delivered = 0;
  };

  struct Queue {
    DestinationId id = 0;
    uint32_t topic = 0;
    bool outdated = false;  // of an old layout: nothing leaves any more
    std::deque<Entry> entries;
    std::vector<Entry> put_back;  // until EndPutBack
    size_t awaited = 0;           // in flight to old layouts, and before what waits here
    uint32_t suspicions = 0;      // since its last delivery; not 0: it is under suspicion
    uint32_t probes = 0;          // since then
    size_t in_flight = 0;
    size_t most = 0;              // in flight, since its last delivery
    size_t reach = kReachMin;     // that may be in flight
    bool held = false;            // a failure is being dealt with
    bool group_is_out = false;    // which has to come back first
    base::SteadyTime not_before;  // while held
    bool halted = false;          // it is stuck
    bool idle = true;             // it has had nothing since its last report
    base::SteadyTime moved_at;    // its last delivery, or its first departure after being idle
    uint64_t delivered_then = 0;  // of all
    bool listed = false;          // in with_entries_
  };

  // Waits for its time and not in its queue.
  struct Aside {
    base::SteadyTime due;
    Destinations ways;
    Entry entry;
    bool operator<(const Aside& other) const { return due > other.due; }  // for a heap: the first is next
  };

  // Events with a choice.
  struct FreeQueue {
    std::deque<Entry> entries;
    Destinations ways;
    uint32_t way = 0;    // the present one, moved on with each look
    uint32_t other = 0;  // the next one to compare it with
  };

  Queue& Of(DestinationId destination);
  bool Return(Queue& queue);
  Queue& Make(DestinationId destination, uint32_t topic);
  void List(Queue& queue);
  void Merge(Queue& queue);
  void TakeAsides(base::SteadyTime now);
  void Probe(Queue& queue, base::SteadyTime now, std::vector<Departure>& departures);
  static bool Idle(const Queue& queue) { return queue.in_flight + queue.entries.size() + queue.awaited == 0; }
  void Depart(Queue& queue, const Entry& entry, uint32_t group, base::SteadyTime now,
              std::vector<Departure>& departures);
  void DepartGroup(Queue& queue, size_t max, base::SteadyTime now, std::vector<Departure>& departures);
  void TakeFree(FreeQueue& free, size_t max, base::SteadyTime now, std::vector<Departure>& departures);
  Queue* ChooseWay(FreeQueue& free, base::SteadyTime now);
  void Moved(Queue& queue, base::SteadyTime now) const;
  bool HasRoom(const Queue& queue, base::SteadyTime now) const;
  bool MayLeave(const Queue& queue, base::SteadyTime now) const;
  size_t LimitOf(const Queue& queue) const;

  const size_t window_;
  const size_t pool_;
  std::unordered_map<DestinationId, Queue> queues_;  // bounded by the cluster's partitions
  std::vector<Queue*> with_entries_;                 // some may be empty again
  std::vector<Queue*> put_back_;                     // those with entries that EndPutBack takes
  std::vector<Aside> asides_;                        // a heap
  std::deque<Topic> topics_;                         // by number; stays where it is
  std::map<uint32_t, FreeQueue> free_;               // by topic
  size_t next_ = 0;                                  // where TakeDepartures begins: nobody is always last
  uint64_t delivered_ = 0;
  size_t waiting_ = 0;
  size_t in_flight_ = 0;
};

}  // namespace ei::app
