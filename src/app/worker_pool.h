#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "app/delivery_worker.h"
#include "base/mutex.h"

namespace ei::app {

// The delivery workers and their threads, one a lane. Waking a thread costs more CPU than sending some dozens
// of events, so a worker that has just been busy gathers for a while before its next turn; one that was idle
// starts at once.
//
// Start, Drain and Stop belong to one owner thread.
class WorkerPool {
 public:
  struct Options {
    size_t workers = 1;
    base::Duration gather = std::chrono::milliseconds(1);  // least time between two turns of a busy worker
    DeliveryOptions delivery;                              // a worker's share
    uint64_t seed = 0;
  };

  WorkerPool(const Options& options, const DeliveryContext& context);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void Start();

  // Waits until the journal is empty, at most until `deadline`; returns the events left in it. Nothing may be
  // appended any more.
  uint64_t Drain(base::SteadyTime deadline);

  // Ends and joins the threads. Reports may still come until the sink is gone.
  void Stop();

  // Events handed to the sink whose report is not back.
  size_t InFlight() const;
  // Events that wait in the workers for their destination.
  size_t Waiting() const;

 private:
  // One worker with what its thread waits on.
  struct Lane {
    std::unique_ptr<DeliveryWorker> worker;
    std::thread thread;
    base::Mutex mutex;
    base::CondVar changed;
    bool woken GUARDED_BY(mutex) = false;
    bool waiting GUARDED_BY(mutex) = false;  // for `woken`, not for time to pass
    bool hurry GUARDED_BY(mutex) = false;    // draining: don't gather
    bool stop GUARDED_BY(mutex) = false;
  };

  void Run(Lane& lane);
  // False: stop.
  bool AwaitNextTurn(Lane& lane, base::SteadyTime turn_began, std::optional<base::Duration> wait);
  static void Wake(Lane& lane);

  const Options options_;
  DeliveryContext context_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace ei::app
