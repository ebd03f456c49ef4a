#include "adapters/http/ack_queue.h"

#include <utility>

#include <boost/asio/post.hpp>

#include "adapters/http/connection.h"

namespace ei::http {

namespace asio = boost::asio;

namespace {

constexpr size_t kSpareMax = 1024;

}  // namespace

AckQueue::AckQueue(ei::Journal& journal, asio::io_context& context)
    : journal_(journal), completed_(std::make_shared<CompletionQueue>([this, &context] {
        asio::post(context, [this] { OnCompleted(); });
      })) {}

AckQueue::~AckQueue() { Close(); }

std::unique_ptr<PendingAck> AckQueue::New() {
  if (spare_.empty()) return std::make_unique<PendingAck>(journal_, completed_);
  std::unique_ptr<PendingAck> pending = std::move(spare_.back());
  spare_.pop_back();
  return pending;
}

void AckQueue::Return(std::unique_ptr<PendingAck> pending) {
  if (pending->connection != nullptr) waiting_.fetch_sub(1, std::memory_order_relaxed);
  const auto connection = std::move(pending->connection);  // may be the last reference
  pending->Reset();
  pending->Clear();
  if (spare_.size() < kSpareMax) spare_.push_back(std::move(pending));
}

void AckQueue::OnCompleted() {
  completed_->Collect();
  while (Waiter* const waiter = completed_->Next()) {
    auto& pending = static_cast<PendingAck&>(*waiter);
    pending.outcome = pending.StorageFailed() ? AckOutcome::kStorageFailed : AckOutcome::kReceived;
    std::shared_ptr<Connection> connection = pending.connection;
    if (connection->OnAck()) answered_.push_back(std::move(connection));
  }
  for (const auto& connection : answered_) connection->Read();
  answered_.clear();
}

}  // namespace ei::http
