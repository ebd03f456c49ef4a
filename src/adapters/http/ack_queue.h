#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/intrusive/list.hpp>

#include "adapters/http/pending_ack.h"
#include "app/ports/journal.h"
#include "app/receipts.h"
#include "app/wake_list.h"

namespace ei::http {

// Where acks come from. `durable` is called when the journal tells that it is durable up to a later event, or
// has failed.
struct AckSources {
  const app::Journal& journal;
  app::WakeList& durable;
  app::Receipts& receipts;
};

// The requests of one event loop that wait for their acks. News come on other threads, which do no more than
// post to the loop, and only when nothing is posted already: so however many requests wait, one turn of the
// loop answers all that are due.
//
// Level wal: positions rise in the order of acceptance, so the requests stand in a line and those that are
// due are its head. (A request that only repeats an earlier event waits for that event's commit, so it may
// stand behind one that waits for the next; it is answered with it.) `line_` says who has to act when the
// journal's durable end moves as a request joins: both sides change it before they look at the other's state,
// so one of them sees the other.
//
// Belongs to the loop's thread.
class AckQueue {
 public:
  AckQueue(const AckSources& sources, boost::asio::io_context& context);
  ~AckQueue();
  AckQueue(const AckQueue&) = delete;
  AckQueue& operator=(const AckQueue&) = delete;

  // An empty one.
  std::unique_ptr<PendingAck> New();

  // The request needn't wait.
  bool IsDurable(uint64_t end) const { return sources_.journal.DurableEnd() >= end; }

  // From now on Connection::OnAck is called when the outcome is known; it may be known on return.
  void Enter(PendingAck& pending);

  // Ends the wait, if it hasn't ended, and takes the record back.
  void Return(std::unique_ptr<PendingAck> pending);

  // No news after this. From the thread that owns the loop, when the loop's has ended.
  void Close();

  // Any thread.
  size_t Waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint8_t kJoined = 1;  // someone stands in the line
  static constexpr uint8_t kPosted =
      2;  // OnDurable will run; or nobody stood in the line when there was news

  void OnDurable();
  void OnReceipts();
  void Answer(PendingAck& pending, AckOutcome outcome);
  void ReadOn();

  const AckSources sources_;
  boost::asio::io_context& context_;
  size_t durable_number_ = 0;
  size_t inbox_ = 0;
  std::atomic<uint8_t> line_{0};
  boost::intrusive::list<PendingAck, boost::intrusive::constant_time_size<false>> waiting_for_wal_;
  std::vector<app::Receipt*> finished_;                // scratch
  std::vector<std::shared_ptr<Connection>> answered_;  // likewise: those that read on at the end of the turn
  std::vector<std::unique_ptr<PendingAck>> spare_;
  std::atomic<size_t> waiting_{0};
  bool open_ = true;
};

}  // namespace ei::http
