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

// The requests of one event loop that wait for their acks. News come on other threads, which do no more than
// post to the loop, and only when nothing is posted already: so however many requests wait, one turn of the
// loop answers all that are due.
//
// Belongs to the loop's thread.
class AckQueue {
 public:
  AckQueue(ei::Journal& journal, boost::asio::io_context& context);
  ~AckQueue();
  AckQueue(const AckQueue&) = delete;
  AckQueue& operator=(const AckQueue&) = delete;

  // An empty one.
  std::unique_ptr<PendingAck> New();

  // The request waits: Connection::OnAck is called when the outcome is known.
  void Enter() { waiting_.fetch_add(1, std::memory_order_relaxed); }

  // Ends the wait, if it hasn't ended, and takes the record back.
  void Return(std::unique_ptr<PendingAck> pending);

  // No news after this. From the thread that owns the loop, when the loop's has ended.
  void Close() { completed_->Close(); }

  // Any thread.
  size_t Waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  void OnCompleted();

  ei::Journal& journal_;
  std::shared_ptr<CompletionQueue> completed_;
  std::vector<std::shared_ptr<Connection>> answered_;  // scratch: those that read on at the end of the turn
  std::vector<std::unique_ptr<PendingAck>> spare_;
  std::atomic<size_t> waiting_{0};
};

}  // namespace ei::http
