#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "adapters/http/pending_ack.h"
#include "journal/journal.h"
#include "journal/waiter.h"

namespace ei::http {

// The requests of one event loop that wait for their acks. Waits complete on other threads. Such a thread
// only posts a task to the loop, and only when no task is posted already. So one turn of the loop answers all
// requests whose wait is over, however many there are.
//
// All functions are for the loop's thread, except where noted.
class AckQueue {
 public:
  AckQueue(ei::Journal& journal, boost::asio::io_context& context);
  ~AckQueue();
  AckQueue(const AckQueue&) = delete;
  AckQueue& operator=(const AckQueue&) = delete;

  // Returns an empty record, reused if one is spare.
  std::unique_ptr<PendingAck> New();

  // Counts a request that begins to wait. Connection::OnAck is called when the outcome is known.
  void Enter() { waiting_.fetch_add(1, std::memory_order_relaxed); }

  // Ends the wait, if it hasn't ended, and recycles the record. May destroy the record's connection.
  void Return(std::unique_ptr<PendingAck> pending);

  // After this no task is posted to the loop any more. Call it from the thread that owns the loop, once the
  // loop's own thread has ended.
  void Close() { completed_->Close(); }

  // The number of requests that wait. Any thread.
  size_t Waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  void OnCompleted();

  ei::Journal& journal_;
  std::shared_ptr<CompletionQueue> completed_;
  std::vector<std::shared_ptr<Connection>> answered_;  // scratch: to be read at the end of the turn
  std::vector<std::unique_ptr<PendingAck>> spare_;
  std::atomic<size_t> waiting_{0};
};

}  // namespace ei::http
