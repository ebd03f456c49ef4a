#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "adapters/file_sink/file_sink.h"
#include "base/mutex.h"
#include "delivery/event_sink.h"
#include "event/uuid_v7.h"

namespace ei::file_sink {

// A lane of the file sink: gathers lines and writes them in Run. Wake and InFlight may be called by any
// thread, the other functions by one thread at a time.
class FileLane final : public SinkLane {
 public:
  FileLane(FileSink& sink, uint64_t seed) : sink_(sink), random_(seed) {}

  void Attach(DeliveryListener& listener, SentLog* sent) override {
    listener_ = &listener;
    sent_ = sent;
  }
  void Add(const JournalEvent& event) override;
  void AddDeadLetter(uint64_t token, const EventView& event, const DeadLetterNote& note) override;
  void Run(base::SteadyTime until) override;
  void Wake() override;
  uint64_t InFlight() const override { return in_flight_.load(std::memory_order_relaxed); }

 private:
  // Lines that wait to be written. Some lines of the first batch may already be written.
  struct Batch {
    std::string lines;
    std::vector<uint32_t> line_bytes;
    std::vector<uint64_t> positions;
    std::vector<EventRun> runs;
  };
  struct DeadLetter {
    uint64_t token;
    std::string line;
  };

  std::optional<StorageFault> Write();
  std::optional<StorageFault> WriteBatch(const Batch& batch, size_t& written);
  void Deliver(Batch& batch, size_t written);
  std::optional<StorageFault> WriteDeadLetters();

  FileSink& sink_;
  DeliveryListener* listener_ = nullptr;
  SentLog* sent_ = nullptr;  // null: no journal that outlives the process
  UuidV7Generator random_;
  std::deque<Batch> batches_;
  std::vector<DeadLetter> dead_letters_;
  uint64_t waiting_ = 0;                // events in the batches
  uint32_t failures_ = 0;               // consecutive
  base::SteadyTime not_before_;         // time of the next attempt
  std::atomic<uint64_t> in_flight_{0};  // waiting events, while they are being written

  base::Mutex mutex_;
  base::CondVar changed_;
  bool woken_ GUARDED_BY(mutex_) = false;
};

}  // namespace ei::file_sink
