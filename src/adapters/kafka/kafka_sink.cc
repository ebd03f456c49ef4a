#include "adapters/kafka/kafka_sink.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "adapters/kafka/failure_table.h"
#include "app/dead_letter_headers.h"

namespace ei::kafka {

using app::DeliveryReport;
using app::OutboundEvent;

namespace {

// What comes back with a report: the lane, whether the record was alone in its request, whether it is a dead
// letter, the partition to choose for it (kOpaquePartition of producer.h), and the worker's token.
constexpr uint64_t kLetterBit = uint64_t{1} << 54;
constexpr uint64_t kAloneBit = uint64_t{1} << 55;
constexpr int kLaneShift = 56;
constexpr uint64_t kTokenMask = (uint64_t{1} << kOpaquePartitionShift) - 1;

constexpr std::string_view kReplacing = "a producer with new certificates is about to take over";

void* Pack(size_t lane, uint64_t bits, uint64_t token, uint64_t partition = Topic::kPartitionsMax) {
  const uint64_t packed = uint64_t{lane} << kLaneShift | bits | partition << kOpaquePartitionShift | token;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): librdkafka carries a pointer; nothing is ever behind it
  return reinterpret_cast<void*>(packed);
}

Record RecordOf(size_t lane, uint64_t bits, const OutboundEvent& event) {
  const uint64_t partition = Topic::PartitionOf(event.destination);
  return {event.value, event.key, event.has_key, Pack(lane, bits, event.token, partition)};
}

// Events of one topic without headers, which can be handed over in one call.
struct Run {
  std::string_view topic;
  std::vector<Record> records;
};

void Produce(Producer& producer, Run& run) {
  if (!run.records.empty()) producer.Produce(run.topic, run.records);
  run.records.clear();
}

}  // namespace

base::Result<std::unique_ptr<KafkaSink>> KafkaSink::Create(const KafkaOptions& options, app::Log& log,
                                                           app::Telemetry* telemetry,
                                                           app::TopicLimits* limits) {
  std::unique_ptr<KafkaSink> sink(new KafkaSink(options, log, telemetry, limits));
  base::MutexLock lock(sink->mutex_);
  auto producer = sink->MakeProducer(/*sole=*/false);
  if (!producer) return std::unexpected(producer.error());
  sink->together_.producer = std::move(*producer);
  return sink;
}

base::Result<std::shared_ptr<Producer>> KafkaSink::MakeProducer(bool sole) {
  auto made = Producer::Create(options_, sole, topics_, *this, log_);
  if (!made) return std::unexpected(made.error());
  // One that has expired is refused here; the next is on its way.
  if (token_) [[maybe_unused]]
    const auto taken = (*made)->UseToken(*token_);
  return std::shared_ptr<Producer>(std::move(*made));
}

app::Destinations KafkaSink::DestinationsOf(const OutboundEvent& event) const {
  return topics_.Of(event.topic).DestinationsOf(event.has_key ? std::optional(event.key_hash) : std::nullopt);
}

app::Destinations KafkaSink::DestinationsOf(uint32_t topic, uint32_t key_hash) const {
  return topics_.Numbered(topic).DestinationsOf(key_hash);
}

KafkaSink::Chosen KafkaSink::Choose(bool sole) {
  std::shared_ptr<Producer> retired;  // ends after the lock is released: its end gives reports
  base::MutexLock lock(mutex_);
  Chosen& chosen = sole ? alone_ : together_;
  if (chosen.next != nullptr) retired = TakeOver(chosen, /*at_once=*/false);
  if (chosen.producer == nullptr || (chosen.producer->Broken() && chosen.next == nullptr)) {
    auto fresh = MakeProducer(sole);
    if (fresh) {
      if (chosen.producer != nullptr) RememberContact(*chosen.producer);
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
  const Chosen chosen = Choose(/*sole=*/alone);
  Producer* const producer = chosen.producer.get();
  if (producer == nullptr) return FailAll(lane, events, "no producer can be made; see the log");
  if (chosen.next != nullptr) return FailAll(lane, events, kReplacing);
  if (!alone && std::exchange(lane_producers_[lane], chosen.number) != chosen.number) {
    return FailAll(lane, events, "the producer was replaced");
  }
  if (failures_[lane].load(std::memory_order_acquire) != failures_seen) {
    return FailAll(lane, events, "an earlier event has just failed");
  }
  std::vector<Run> runs;
  for (const OutboundEvent& event : events) {
    const std::string_view topic = topics_.NameOf(event.topic);
    const Record record = RecordOf(lane, alone ? kAloneBit : 0, event);
    auto run = std::ranges::find(runs, topic, &Run::topic);
    if (run == runs.end()) {
      run = runs.insert(runs.end(), {topic, {}});
      run->records.reserve(events.size());
    }
    if (event.traceparent.empty()) {
      run->records.push_back(record);
    } else {
      Produce(*producer, *run);
      producer->Produce(topic, record, app::TraceHeaders(event.traceparent));
    }
  }
  for (Run& run : runs) Produce(*producer, run);
}

void KafkaSink::SendDeadLetter(size_t lane, const OutboundEvent& event, const app::DeadLetterNote& note) {
  const Chosen chosen = Choose(/*sole=*/true);
  const std::span one(&event, 1);
  if (chosen.producer == nullptr) return FailAll(lane, one, "no producer can be made; see the log");
  if (chosen.next != nullptr) return FailAll(lane, one, kReplacing);
  Record record = RecordOf(lane, kAloneBit | kLetterBit, event);
  if (!note.reference.empty()) record.value = {};
  chosen.producer->Produce(topics_.DlqTopicOf(event.topic), record,
                           app::DeadLetterHeaders(note, event.traceparent));
}

void KafkaSink::Flush() {
  std::shared_ptr<Producer> together;
  {
    base::MutexLock lock(mutex_);
    together = together_.producer;
  }
  together->Flush();
}

app::SinkStatus KafkaSink::Status() const {
  // Read first: a refusal that came before it is seen then.
  const bool token_missed = token_missed_.load(std::memory_order_acquire);
  app::SinkStatus status;
  {
    base::MutexLock lock(mutex_);
    status = together_.producer->Status();
    RememberContact(*together_.producer);
    if (alone_.producer != nullptr && alone_.producer->Status().refused) status.refused = true;
  }
  if (reached_.load(std::memory_order_relaxed)) status.contact = app::Contact::kReached;
  if (status.contact == app::Contact::kPending && token_missed) status.contact = app::Contact::kUnreachable;
  return status;
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
  if (failure.code == kNotAuthorized || failure.code == kClockRefused) OnFault(failure.code);
  auto& gathered = Gathered();
  if (gathered.size() < options_.lanes) gathered.resize(options_.lanes);
  DeliveryReport& report = gathered[lane].emplace_back();
  report.token = packed & kTokenMask;
  report.verdict = failure.verdict;
  report.code = failure.code;
  report.reason = reason;
  if (!failure.hint.empty()) report.reason.append(": ").append(failure.hint);
  report.topic = place.topic;
  if (failure.verdict != app::Verdict::kDelivered) return;
  report.partition = place.partition;
  report.offset = place.offset;
}

void KafkaSink::OnSizeLimit(std::string_view topic, std::optional<uint64_t> bytes_max) {
  if (limits_ == nullptr) return;
  limits_->Learn(topic, topic, bytes_max);
  if (topic == options_.topic) limits_->Learn({}, topic, bytes_max);
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
