#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "delivery/delivery_worker.h"
#include "delivery/event_sink.h"

namespace ei {

// The delivery workers and their threads, one for each lane. A thread drives its lane of the sink and takes
// events from the journal: at once if it was idle, otherwise not before `gather` has passed. So events share
// requests, and a busy thread need not be woken.
//
// Start, Drain and Stop must be called by one owner thread.
class WorkerPool {
 public:
  struct Options {
    size_t workers = 1;
    base::Duration gather = std::chrono::milliseconds(1);  // minimum time between two turns of a busy worker
    RetryPolicy dead_letter_retries{std::chrono::milliseconds(100), std::chrono::seconds(10), 0};
    uint64_t seed = 0;
  };

  // The sink's lanes are used until Stop.
  WorkerPool(const Options& options, const DeliveryContext& context, EventSink& sink);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void Start();

  // Waits until the journal is empty, at most until `deadline`. Returns the number of events that are left in
  // it. No event may be appended any more.
  uint64_t Drain(base::SteadyTime deadline);

  // Stops and joins the threads.
  void Stop();

  // The number of events on their way to the destination.
  uint64_t InFlight() const;
  // The number of events that were taken from the journal and are not on their way: their partition is busy,
  // stalled or recovering.
  uint64_t Waiting() const;

 private:
  // A worker with its thread.
  struct Lane {
    explicit Lane(SinkLane& lane_sink) : sink(lane_sink) {}
    SinkLane& sink;
    std::unique_ptr<DeliveryWorker> worker;
    std::thread thread;
    // The thread that fills the journal's lane sets `filled` and then reads `idle`. The worker's thread sets
    // `idle` and then reads `filled`. So at least one of them sees the other's store.
    std::atomic<bool> filled{false};
    std::atomic<bool> idle{false};
    std::atomic<bool> hurry{false};  // draining: don't wait for `gather`
    std::atomic<bool> stop{false};
  };

  void Run(Lane& lane);
  static void OnFilled(Lane& lane);

  const Options options_;
  DeliveryContext context_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace ei
