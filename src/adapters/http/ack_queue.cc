#include "adapters/http/ack_queue.h"

#include <utility>

#include <boost/asio/post.hpp>

#include "adapters/http/connection.h"

namespace ei::http {

namespace asio = boost::asio;

namespace {

constexpr size_t kSpareMax = 1024;

}  // namespace

AckQueue::AckQueue(const AckSources& sources, asio::io_context& context)
    : sources_(sources), context_(context) {
  durable_number_ = sources_.durable.Add([this] {
    const uint8_t before = line_.fetch_or(kPosted, std::memory_order_acq_rel);
    if (before == kJoined) asio::post(context_, [this] { OnDurable(); });
  });
  inbox_ = sources_.receipts.AddInbox([this] { asio::post(context_, [this] { OnReceipts(); }); });
}

AckQueue::~AckQueue() { Close(); }

void AckQueue::Close() {
  if (!std::exchange(open_, false)) return;
  sources_.durable.Remove(durable_number_);
  sources_.receipts.RemoveInbox(inbox_);
}

std::unique_ptr<PendingAck> AckQueue::New() {
  if (spare_.empty()) return std::make_unique<PendingAck>(sources_.receipts, inbox_);
  std::unique_ptr<PendingAck> pending = std::move(spare_.back());
  spare_.pop_back();
  return pending;
}

void AckQueue::Enter(PendingAck& pending) {
  waiting_.fetch_add(1, std::memory_order_relaxed);
  if (pending.level == domain::AckLevel::kBroker) return;
  if (waiting_for_wal_.empty()) line_.exchange(kJoined, std::memory_order_acq_rel);
  const bool failed = sources_.journal.Failed();
  if (IsDurable(pending.end)) {
    pending.outcome = AckOutcome::kCame;
  } else if (failed) {
    pending.outcome = AckOutcome::kStorageFailed;
  } else {
    waiting_for_wal_.push_back(pending);
  }
}

void AckQueue::Return(std::unique_ptr<PendingAck> pending) {
  if (pending->connection != nullptr) waiting_.fetch_sub(1, std::memory_order_relaxed);
  const auto connection = std::move(pending->connection);  // may be the last that holds it
  if (pending->is_linked()) pending->unlink();
  pending->Cancel();
  pending->Clear();
  if (spare_.size() < kSpareMax) spare_.push_back(std::move(pending));
}

void AckQueue::OnDurable() {
  line_.fetch_and(static_cast<uint8_t>(~kPosted), std::memory_order_acq_rel);
  const bool failed = sources_.journal.Failed();  // before the end, which doesn't move any more then
  const uint64_t durable = sources_.journal.DurableEnd();
  while (!waiting_for_wal_.empty()) {
    PendingAck& first = waiting_for_wal_.front();
    if (first.end > durable && !failed) break;
    waiting_for_wal_.pop_front();
    Answer(first, first.end <= durable ? AckOutcome::kCame : AckOutcome::kStorageFailed);
  }
  ReadOn();
  if (waiting_for_wal_.empty()) line_.fetch_and(static_cast<uint8_t>(~kJoined), std::memory_order_acq_rel);
}

void AckQueue::OnReceipts() {
  sources_.receipts.Take(inbox_, finished_);
  for (app::Receipt* const receipt : finished_) {
    Answer(static_cast<PendingAck&>(*receipt), AckOutcome::kCame);
  }
  ReadOn();
}

void AckQueue::Answer(PendingAck& pending, AckOutcome outcome) {
  pending.outcome = outcome;
  std::shared_ptr<Connection> connection = pending.connection;
  if (connection->OnAck()) answered_.push_back(std::move(connection));
}

void AckQueue::ReadOn() {
  for (const auto& connection : answered_) connection->Read();
  answered_.clear();
}

}  // namespace ei::http
