#include "adapters/kafka/kafka_sink.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include "adapters/kafka/failure_table.h"
#include "app/dead_letter_headers.h"

namespace ei::kafka {

using app::DeliveryReport;
using app::OutboundEvent;

namespace {

// What comes back with a report: the lane, whether the record was alone in its request, whether it is a dead
// letter, the partition to choose for it (kOpaquePartition of producer.h), whether it has no key, and the
// worker's token.
constexpr uint64_t kKeylessBit = uint64_t{1} << (kOpaquePartitionShift - 1);
constexpr uint64_t kLetterBit = uint64_t{1} << 54;
constexpr uint64_t kAloneBit = uint64_t{1} << 55;
constexpr int kLaneShift = 56;
constexpr uint64_t kTokenMask = kKeylessBit - 1;

constexpr std::string_view kReplacing = "a producer with new certificates is about to take over";

void* Pack(size_t lane, uint64_t bits, uint64_t token, uint64_t partition = Topic::kPartitionsMax) {
  const uint64_t packed = uint64_t{lane} << kLaneShift | bits | partition << kOpaquePartitionShift | token;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): librdkafka carries a pointer; nothing is ever behind it
  return reinterpret_cast<void*>(packed);
}

Record RecordOf(size_t lane, uint64_t bits, const OutboundEvent& event) {
  const uint64_t partition = Topic::PartitionOf(event.destination);
  if (!event.has_key) bits |= kKeylessBit;
  return {event.value, event.key, event.has_key, Pack(lane, bits, event.token, partition)};
}

// The codes of a topic that is compacted; the second is older brokers'.
bool RefusesKeyless(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_INVALID_RECORD || error == RD_KAFKA_RESP_ERR_INVALID_MSG;
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
  auto producer = sink->MakeProducer(Kind::kTogether);
  if (!producer) return std::unexpected(producer.error());
  sink->Of(Kind::kTogether).producer = std::move(*producer);
  return sink;
}

uint64_t KafkaSink::BatchBytesOf(const KafkaOptions& options) {
  uint64_t bytes = 1'000'000;  // librdkafka's own
  for (const auto& [name, value] : options.properties) {
    if (name == "batch.size") std::from_chars(value.data(), value.data() + value.size(), bytes);
  }
  return bytes;
}

base::Result<std::shared_ptr<Producer>> KafkaSink::MakeProducer(Kind kind) {
  KafkaOptions options = options_;
  if (kind == Kind::kLimited) options.properties.emplace_back("batch.size", std::to_string(limited_bytes_));
  auto made = Producer::Create(options, /*sole=*/kind == Kind::kAlone, topics_, *this, log_);
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

KafkaSink::Chosen KafkaSink::Choose(Kind kind) {
  std::shared_ptr<Producer> retired;  // ends after the lock is released: its end gives reports
  base::MutexLock lock(mutex_);
  Chosen& chosen = Of(kind);
  if (chosen.next != nullptr) {
    // What takes longer waits for a broker that doesn't answer, and may be sent twice; others need not wait.
    // ban-ok(clock): waits for librdkafka's threads
    const bool late = std::chrono::steady_clock::now() > chosen.next_since + options_.write_timeout;
    retired = TakeOver(chosen, /*at_once=*/late);
  }
  if (chosen.producer == nullptr || (chosen.producer->Broken() && chosen.next == nullptr)) {
    auto fresh = MakeProducer(kind);
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
  if (grouping == app::Grouping::kAlone) return SendBy(Kind::kAlone, lane, events, failures_seen);
  const auto limited = [](const OutboundEvent& event) { return Topic::IsLimited(event.destination); };
  if (std::ranges::none_of(events, limited)) return SendBy(Kind::kTogether, lane, events, failures_seen);
  std::vector<OutboundEvent> small;
  std::vector<OutboundEvent> rest;
  for (const OutboundEvent& event : events) (limited(event) ? small : rest).push_back(event);
  SendBy(Kind::kLimited, lane, small, failures_seen);
  if (!rest.empty()) SendBy(Kind::kTogether, lane, rest, failures_seen);
}

void KafkaSink::SendBy(Kind kind, size_t lane, std::span<const OutboundEvent> events,
                       uint64_t failures_seen) {
  const bool alone = kind == Kind::kAlone;
  const Chosen chosen = Choose(kind);
  Producer* const producer = chosen.producer.get();
  if (producer == nullptr) return FailAll(lane, events, "no producer can be made; see the log");
  if (chosen.next != nullptr) return FailAll(lane, events, kReplacing);
  uint64_t& last = lane_producers_[lane][static_cast<size_t>(kind)];
  if (!alone && std::exchange(last, chosen.number) != chosen.number) {
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
  const Chosen chosen = Choose(Kind::kAlone);
  const std::span one(&event, 1);
  if (chosen.producer == nullptr) return FailAll(lane, one, "no producer can be made; see the log");
  if (chosen.next != nullptr) return FailAll(lane, one, kReplacing);
  Record record = RecordOf(lane, kAloneBit | kLetterBit, event);
  if (!note.reference.empty()) record.value = {};
  chosen.producer->Produce(topics_.DlqTopicOf(event.topic), record,
                           app::DeadLetterHeaders(note, event.traceparent));
}

void KafkaSink::Flush() {
  for (const auto& producer : Producers()) producer->Flush();
}

app::SinkStatus KafkaSink::Status() const {
  // Read first: a refusal that came before it is seen then.
  const bool token_missed = token_missed_.load(std::memory_order_acquire);
  app::SinkStatus status;
  {
    base::MutexLock lock(mutex_);
    const Producer& together = *Of(Kind::kTogether).producer;
    status = together.Status();
    RememberContact(together);
    for (const Kind kind : {Kind::kLimited, Kind::kAlone}) {
      const auto& producer = Of(kind).producer;
      if (producer == nullptr) continue;
      const app::SinkStatus other = producer->Status();
      status.refused = status.refused || other.refused;
      status.pause = std::max(status.pause, other.pause);
    }
  }
  status.one_ack_topics = topics_.OneAckTopics();
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
  Failure failure = letter ? ClassifyLetter(error) : Classify(error, (packed & kAloneBit) != 0);
  const bool keyless = (packed & kKeylessBit) != 0;
  if (keyless && !letter && failure.verdict == app::Verdict::kEventRefused && RefusesKeyless(error) &&
      topics_.Of(place.topic).compacted.load(std::memory_order_relaxed)) {
    failure.verdict = app::Verdict::kEventInvalid;
    failure.hint = "the topic is compacted (cleanup.policy) and takes no record without a key";
  }
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

void KafkaSink::OnTopicKnown(std::string_view topic, const SizeLimits::Known& known) {
  topics_.Of(topic).compacted.store(known.compacted, std::memory_order_relaxed);
  topics_.Of(topic).one_ack.store(known.one_ack, std::memory_order_relaxed);
  if (known.bytes_max) LimitBatches(topic, *known.bytes_max);
  if (limits_ == nullptr) return;
  limits_->Learn(topic, topic, known.bytes_max);
  if (topic == options_.topic) limits_->Learn({}, topic, known.bytes_max);
}

// Where the limit isn't told it is found in a few steps.
void KafkaSink::OnBatchTooLarge(std::string_view topic, uint64_t bytes) {
  constexpr uint64_t kBytesMin = 1'000;
  LimitBatches(topic, std::max(kBytesMin, bytes / 4));
}

// What a producer has in flight would be sent twice if it were taken back: the next one, with smaller
// batches, waits for it.
void KafkaSink::LimitBatches(std::string_view topic, uint64_t bytes_max) {
  std::shared_ptr<Producer> outdated;  // ends after the lock is released
  const base::MutexLock lock(mutex_);
  if (bytes_max < limited_bytes_) {
    limited_bytes_ = bytes_max;
    if (Of(Kind::kLimited).producer != nullptr) {
      if (auto next = PrepareNext(Kind::kLimited)) {
        outdated = std::move(*next);
      } else {
        log_.Write(app::LogLevel::kError, "kafka", "no producer with smaller batches can be made",
                   {{"error", next.error().message}});
      }
    }
  }
  topics_.Of(topic).SetLimited(bytes_max < batch_bytes_);
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
