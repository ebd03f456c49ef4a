#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "delivery/delivery_worker.h"
#include "delivery/event_sink.h"

namespace ei {

// The delivery workers and their threads, one a lane. A thread works on what its sink has to do, and takes
// events from the journal: at once when it was idle, else not before `gather` is over, so that events share
// requests and nobody has to wake it.
//
// Start, Drain and Stop belong to one owner thread.
class WorkerPool {
 public:
  struct Options {
    size_t workers = 1;
    base::Duration gather = std::chrono::milliseconds(1);  // least time between two turns of a busy worker
    RetryPolicy dead_letter_retries{std::chrono::milliseconds(100), std::chrono::seconds(10), 0};
    uint64_t seed = 0;
  };

  // The sink's lanes are used until Stop.
  WorkerPool(const Options& options, const DeliveryContext& context, EventSink& sink);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void Start();

  // Waits until the journal is empty, at most until `deadline`; returns the events left in it. Nothing may be
  // appended any more.
  uint64_t Drain(base::SteadyTime deadline);

  // Ends and joins the threads.
  void Stop();

  // Events on their way to the destination.
  uint64_t InFlight() const;
  // Events that were taken from the journal and are not on their way: their partition is busy, stalled or
  // recovering.
  uint64_t Waiting() const;

 private:
  // One worker with its thread.
  struct Lane {
    explicit Lane(SinkLane& lane_sink) : sink(lane_sink) {}
    SinkLane& sink;
    std::unique_ptr<DeliveryWorker> worker;
    std::thread thread;
    // Whoever fills the journal's lane sets `filled` and then looks at `idle`; the thread the other way
    // round: one of them sees the other.
    std::atomic<bool> filled{false};
    std::atomic<bool> idle{false};
    std::atomic<bool> hurry{false};  // draining: don't gather
    std::atomic<bool> stop{false};
  };

  void Run(Lane& lane);
  static void OnFilled(Lane& lane);

  const Options options_;
  DeliveryContext context_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace ei
