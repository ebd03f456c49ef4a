// What a full journal of small events really takes of memory, on all of their way out.

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "adapters/memory_journal/memory_journal.h"
#include "app/delivery_worker.h"
#include "support/events.h"
#include "support/null_log.h"
#include "support/recording_telemetry.h"
#include "support/virtual_clock.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
extern "C" size_t __sanitizer_get_current_allocated_bytes();  // gcc's headers leave it out
#endif

namespace ei::app {
namespace {

constexpr uint64_t kBytesMax = 64 << 20;
constexpr size_t kEventBytes = 100;

// Memory of the heap that is in use, what it has mapped by itself included. Sanitizers have a heap of their
// own.
uint64_t HeapBytes() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return __sanitizer_get_current_allocated_bytes();
#endif
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

// Takes everything and reports nothing until it is asked to.
class SilentSink final : public EventSink {
 public:
  void Attach(size_t, DeliveryListener& listener) override { listener_ = &listener; }
  Destinations DestinationsOf(const OutboundEvent&) const override { return {}; }
  void Send(size_t, std::span<const OutboundEvent> events, Grouping, uint64_t) override {
    for (const OutboundEvent& event : events) tokens_.push_back(event.token);
  }
  void SendDeadLetter(size_t, const OutboundEvent&, const DeadLetterNote&) override {}
  void Flush() override {}
  SinkStatus Status() const override { return {Contact::kReached}; }

  bool Deliver() {
    std::vector<DeliveryReport> reports(tokens_.size());
    for (size_t i = 0; i < tokens_.size(); ++i) reports[i].token = tokens_[i];
    std::vector<uint64_t>().swap(tokens_);
    listener_->OnReports(reports);
    return !reports.empty();
  }

 private:
  DeliveryListener* listener_ = nullptr;
  std::vector<uint64_t> tokens_;
};

// Counted: the journal's blocks, rings and owners, the worker's slots, queues and scratch. Not: the client
// library's own memory, which KAFKA_... settings and the window of events in flight bound.
class JournalMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    idle_ = HeapBytes();
    journal_ = std::make_unique<memory_journal::MemoryJournal>(memory_journal::MemoryJournal::Options{
        .events_max = 1'000'000, .bytes_max = kBytesMax, .lanes = 1, .shares = &shares_});
    journal_->OnLaneFilled([](size_t) {});
  }

  void Fill() {
    domain::EventBatch batch;
    for (size_t i = 0; i < 100; ++i) support::AddRawEvent(batch, "e", "k", kEventBytes);
    while (journal_->Append(batch, clock_.Now()) == AppendResult::kAppended) events_ += batch.Size();
  }

  void OpenWorker() {
    DeliveryOptions options;
    options.taken_events_max = events_;  // so that what it reserves for more doesn't count as used
    worker_ = std::make_unique<DeliveryWorker>(
        0, options, DeliveryContext{*journal_, sink_, drain_rate_, receipts_, clock_, telemetry_, log_}, 1,
        [] {});
  }

  void TakeAll() {
    while (worker_->Turn() == base::Duration(0)) {
    }
  }

  double Used() const {
    return static_cast<double>(HeapBytes() - std::min(HeapBytes(), idle_)) / static_cast<double>(kBytesMax);
  }

  support::VirtualClock clock_;
  support::RecordingTelemetry telemetry_;
  support::NullLog log_;
  DrainRate drain_rate_;
  Receipts receipts_{1};
  SilentSink sink_;
  ClientShares shares_{{}};
  uint64_t idle_ = 0;
  uint64_t events_ = 0;
  std::unique_ptr<memory_journal::MemoryJournal> journal_;
  std::unique_ptr<DeliveryWorker> worker_;
};

TEST_F(JournalMemory, StaysWithinItsBoundWhileNothingIsTaken) {
  Fill();
  EXPECT_GT(events_, 100'000U);
  RecordProperty("used", std::to_string(Used()));
  EXPECT_LE(Used(), 1.3);
  EXPECT_GE(Used(), 0.4) << "what is counted is not far from what is used";
}

TEST_F(JournalMemory, StaysWithinItsBoundWhenAllIsTakenAndWaits) {
  Fill();
  OpenWorker();
  TakeAll();
  RecordProperty("used", std::to_string(Used()));
  EXPECT_LE(Used(), 1.3);
  EXPECT_GE(Used(), 0.6);
  EXPECT_EQ(journal_->Stats().events, events_);
}

TEST_F(JournalMemory, StaysWithinItsBoundWhenAllWasMovedOutOfItsBlocks) {
  Fill();
  std::vector<JournalEvent> taken(events_);
  ASSERT_EQ(journal_->Take(0, taken), events_);
  OpenWorker();
  const size_t moved = journal_->Compact(taken);
  EXPECT_GT(moved, 0U);
  const double slots_and_entries =
      176.0 * static_cast<double>(events_) / kBytesMax;  // that a worker would have
  EXPECT_LE(Used() - static_cast<double>(taken.size() * sizeof(JournalEvent)) / kBytesMax + slots_and_entries,
            1.3);
}

TEST_F(JournalMemory, IsGivenBackWhenAllIsDelivered) {
  Fill();
  OpenWorker();
  do {
    TakeAll();
    clock_.Advance(std::chrono::seconds(1));
  } while (sink_.Deliver());
  ASSERT_EQ(journal_->Stats().events, 0U);
  EXPECT_LE(journal_->Stats().bytes, 8U << 20) << "spare blocks";
  worker_->Turn();
  // A fresh table of slots is reserved and not touched.
  const double reserved = 200.0 * static_cast<double>(events_) / kBytesMax;
  EXPECT_LE(Used() - reserved, 0.15);
}

}  // namespace
}  // namespace ei::app
