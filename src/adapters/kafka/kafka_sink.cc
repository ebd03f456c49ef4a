#include "adapters/kafka/kafka_sink.h"

#include <cstdint>
#include <utility>

#include "adapters/kafka/failure_table.h"
#include "app/dead_letter_headers.h"

namespace ei::kafka {

using app::DeliveryReport;
using app::OutboundEvent;

namespace {

// What comes back with a report: the lane, whether the record was alone in its request, whether it is a dead
// letter, and the worker's token.
constexpr uint64_t kLetterBit = uint64_t{1} << 54;
constexpr uint64_t kAloneBit = uint64_t{1} << 55;
constexpr int kLaneShift = 56;
constexpr uint64_t kTokenMask = kLetterBit - 1;

void* Pack(size_t lane, uint64_t bits, uint64_t token) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): librdkafka carries a pointer; nothing is ever behind it
  return reinterpret_cast<void*>(uint64_t{lane} << kLaneShift | bits | token);
}

Record RecordOf(size_t lane, uint64_t bits, const OutboundEvent& event) {
  return {event.value, event.key, event.has_key, Pack(lane, bits, event.token)};
}

}  // namespace

base::Result<std::unique_ptr<KafkaSink>> KafkaSink::Create(const KafkaOptions& options, app::Log& log) {
  std::unique_ptr<KafkaSink> sink(new KafkaSink(options, log));
  auto producer = Producer::Create(options, /*sole=*/false, *sink, log);
  if (!producer) return std::unexpected(producer.error());
  base::MutexLock lock(sink->mutex_);
  sink->together_.producer = std::move(*producer);
  return sink;
}

KafkaSink::Chosen KafkaSink::Choose(bool sole) {
  std::shared_ptr<Producer> retired;  // ends after the lock is released: its end gives reports
  base::MutexLock lock(mutex_);
  Chosen& chosen = sole ? alone_ : together_;
  if (chosen.producer == nullptr || chosen.producer->Broken()) {
    auto fresh = Producer::Create(options_, sole, *this, log_);
    if (fresh) {
      retired = std::exchange(chosen.producer, std::move(*fresh));
      ++chosen.number;
    } else {
      log_.Write(app::LogLevel::kError, "kafka", "no new producer can be made",
                 {{"error", fresh.error().message}});
    }
  }
  return chosen;
}

void KafkaSink::FailAll(size_t lane, std::span<const OutboundEvent> events, std::string_view reason) {
  for (const OutboundEvent& event : events) {
    OnReport(Pack(lane, 0, event.token), RD_KAFKA_RESP_ERR__FATAL, reason, {});
  }
  OnReportsEnd();
}

void KafkaSink::Send(size_t lane, std::span<const OutboundEvent> events, app::Grouping grouping,
                     uint64_t failures_seen) {
  const bool alone = grouping == app::Grouping::kAlone;
  const auto [producer, number] = Choose(/*sole=*/alone);
  if (producer == nullptr) return FailAll(lane, events, "no producer can be made; see the log");
  if (!alone && std::exchange(lane_producers_[lane], number) != number) {
    return FailAll(lane, events, "the producer was replaced");
  }
  if (failures_[lane].load(std::memory_order_acquire) != failures_seen) {
    return FailAll(lane, events, "an earlier event has just failed");
  }
  thread_local std::vector<Record> run;  // neighbours without headers, which can be handed over in one call
  run.clear();
  const auto produce_run = [&] {
    if (!run.empty()) producer->Produce(run);
    run.clear();
  };
  for (const OutboundEvent& event : events) {
    const Record record = RecordOf(lane, alone ? kAloneBit : 0, event);
    if (event.traceparent.empty()) {
      run.push_back(record);
    } else {
      produce_run();
      producer->ProduceTo(options_.topic, record, app::TraceHeaders(event.traceparent));
    }
  }
  produce_run();
}

void KafkaSink::SendDeadLetter(size_t lane, const OutboundEvent& event, const app::DeadLetterNote& note) {
  const auto [producer, number] = Choose(/*sole=*/true);
  if (producer == nullptr) return FailAll(lane, std::span(&event, 1), "no producer can be made; see the log");
  Record record = RecordOf(lane, kAloneBit | kLetterBit, event);
  if (!note.reference.empty()) record.value = {};
  producer->ProduceTo(options_.dlq_topic, record, app::DeadLetterHeaders(note, event.traceparent));
}

void KafkaSink::Flush() {
  std::shared_ptr<Producer> together;
  {
    base::MutexLock lock(mutex_);
    together = together_.producer;
  }
  together->Flush();
}

bool KafkaSink::Reached() const {
  if (reached_.load(std::memory_order_relaxed)) return true;
  base::MutexLock lock(mutex_);
  if (together_.producer->Reached()) reached_.store(true, std::memory_order_relaxed);
  return reached_.load(std::memory_order_relaxed);
}

namespace {

// The reports of one poll, by lane; each thread that gives reports has its own.
std::vector<std::vector<DeliveryReport>>& Gathered() {
  thread_local std::vector<std::vector<DeliveryReport>> gathered;
  return gathered;
}

}  // namespace

void KafkaSink::OnReport(void* opaque, rd_kafka_resp_err_t error, std::string_view reason, Place place) {
  const auto packed = reinterpret_cast<uint64_t>(opaque);
  const size_t lane = packed >> kLaneShift;
  const bool letter = (packed & kLetterBit) != 0;
  const Failure failure = letter ? ClassifyLetter(error) : Classify(error, (packed & kAloneBit) != 0);
  if (failure.verdict != app::Verdict::kDelivered) failures_[lane].fetch_add(1, std::memory_order_release);
  auto& gathered = Gathered();
  if (gathered.size() < options_.lanes) gathered.resize(options_.lanes);
  DeliveryReport& report = gathered[lane].emplace_back();
  report.token = packed & kTokenMask;
  report.verdict = failure.verdict;
  report.code = failure.code;
  report.reason = reason;
  report.topic = letter ? options_.dlq_topic : options_.topic;
  if (failure.verdict != app::Verdict::kDelivered) return;
  report.partition = place.partition;
  report.offset = place.offset;
}

void KafkaSink::OnReportsEnd() {
  auto& gathered = Gathered();
  for (size_t lane = 0; lane < gathered.size(); ++lane) {
    if (gathered[lane].empty()) continue;
    listeners_[lane]->OnReports(gathered[lane]);
    gathered[lane].clear();
  }
}

}  // namespace ei::kafka
