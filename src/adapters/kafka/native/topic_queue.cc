#include "adapters/kafka/native/topic_queue.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/murmur2.h"
#include "delivery/dead_letter_headers.h"

namespace ei::kafka::native {

using wire::ErrorCode;

namespace {

constexpr base::Duration kUnplacedSpan =
    std::chrono::seconds(1);  // of a batch, so that all its records are about as old
constexpr std::string_view kNoSuchTopic = "the brokers don't know the topic, or don't let this client see it";

std::optional<std::string_view> KeyOf(const EventView& event) {
  return event.has_key ? std::optional(event.key) : std::nullopt;
}

std::optional<uint32_t> HashOf(const EventView& event) {
  return event.has_key ? std::optional(event.key_hash) : std::nullopt;
}

void AppendEvent(Batch& batch, const JournalEvent& event, std::span<const wire::RecordHeader> headers) {
  batch.records.Append(KeyOf(event), event.value, headers);
  ei::AppendRun(batch.runs, RunOf(event));
}

}  // namespace

TopicQueue::TopicQueue(std::string name, const Options& options, Producer& producer,
                       TopicQueueListener& listener, const uint64_t& delivered, uint64_t seed)
    : name_(std::move(name)),
      options_(options),
      producer_(producer),
      listener_(listener),
      lane_delivered_(delivered),
      random_(seed),
      rejected_(name_, options.rejected_retries, listener, random_) {
  producer_.Watch(name_);
}

void TopicQueue::UseRules(const Rules& rules) {
  rules_ = rules;
  rejected_.SetCompacted(rules.compacted);
}

// --- assignment of records

void TopicQueue::Add(const JournalEvent& event, const Instant& now) {
  std::array<wire::RecordHeader, 3> possible;
  size_t count = 0;
  const EventContext& context = event.context;
  if (!context.client.empty()) possible[count++] = {kClientHeader, context.client};
  if (!context.traceparent.empty()) {
    possible[count++] = {kTraceIdHeader, TraceIdOf(context.traceparent)};
    possible[count++] = {kTraceparentHeader, context.traceparent};
  }
  const std::span<const wire::RecordHeader> headers = std::span(possible).first(count);
  if (!resumed_.empty() && AddResumed(event, headers, now)) return;
  const size_t bytes = wire::RecordBatch::BytesOf(KeyOf(event), event.value, headers);
  Batch& batch = OpenFor(HashOf(event), bytes, /*dead_letters=*/false, now);
  AppendEvent(batch, event, headers);
  batch.tokens.push_back(event.position);
}

void TopicQueue::Resume(const SentStamp& stamp, std::span<const uint64_t> positions, const Instant& now) {
  Line& line = producer_.LineOf(name_, stamp.partition);
  Batch& batch = line.partition.Resume(stamp.producer, stamp.topic_id, positions, now.steady, now.unix_ms);
  batch.records.UseCodec(rules_.codec);
  for (const uint64_t position : positions) resumed_[position] = {&batch, &line};
  resume_until_ = now.steady + kResumeWait;
  next_turn_ = {};
}

// Events are added by ascending position, so an older one that is missing won't come: the journal has lost or
// settled it.
bool TopicQueue::AddResumed(const JournalEvent& event, std::span<const wire::RecordHeader> headers,
                            const Instant& now) {
  const auto oldest = resumed_.begin();
  resume_until_ = now.steady + kResumeWait;
  if (event.position < oldest->first) return false;
  if (event.position > oldest->first) {
    GiveUpResuming();
    return false;
  }
  const auto [batch, line] = oldest->second;
  resumed_.erase(oldest);
  AppendEvent(*batch, event, headers);
  line->partition.NoteResumed();
  if (partitions_ > 0 && event.has_key) {
    Partition& present = places_[PlaceOf(event.key_hash)].line->partition;
    if (&present != &line->partition) present.Queue().HoldBack(*batch);
  }
  producer_.Filled(*line);
  return true;
}

void TopicQueue::GiveUpResuming() {
  for (const auto& [_, resumed] : std::exchange(resumed_, {})) {
    resumed.line->partition.GiveUpResuming();
    producer_.Filled(*resumed.line);
  }
}

void TopicQueue::AddDeadLetter(uint64_t token, const EventView& event, bool with_value,
                               std::span<const wire::RecordHeader> headers, const Instant& now) {
  const std::string_view value = with_value ? event.value : std::string_view();
  const size_t bytes = wire::RecordBatch::BytesOf(KeyOf(event), value, headers);
  Batch& batch = OpenFor(HashOf(event), bytes, /*dead_letters=*/true, now);
  batch.records.Append(KeyOf(event), value, headers);
  batch.tokens.push_back(token);
}

Batch& TopicQueue::OpenFor(std::optional<uint32_t> key_hash, size_t bytes, bool dead_letters,
                           const Instant& now) {
  if (partitions_ == 0 || !unplaced_.empty()) return OpenUnplaced(bytes, dead_letters, now);
  const uint32_t place = key_hash ? PlaceOf(*key_hash) : KeylessPlace(bytes);
  return OpenIn(place, bytes, dead_letters, now.steady, now.unix_ms, now.steady);
}

Batch& TopicQueue::OpenUnplaced(size_t bytes, bool dead_letters, const Instant& now) {
  if (!unplaced_.empty()) {
    Batch& last = *unplaced_.back();
    const bool fits = last.records.Bytes() + bytes <= rules_.batch_bytes_max;
    if (!last.sealed && fits && last.dead_letters == dead_letters &&
        now.steady - last.began < kUnplacedSpan) {
      return last;
    }
  }
  Batch& opened = *unplaced_.emplace_back(std::make_unique<Batch>(now.unix_ms, dead_letters));
  opened.records.BoundGrowth(rules_.batch_bytes_max);
  opened.began = now.steady;
  next_turn_ = {};
  return opened;
}

Batch& TopicQueue::OpenIn(uint32_t place, size_t bytes, bool dead_letters, base::SteadyTime began,
                          int64_t unix_ms, base::SteadyTime now) {
  Line& line = *places_[place].line;
  NoteFilled(places_[place], now);
  Batch& batch =
      line.partition.Queue().Open(bytes, rules_.batch_bytes_max, dead_letters, rules_.codec, began, unix_ms);
  producer_.Filled(line);
  return batch;
}

// Restarts the stall detection: deliveries elsewhere while the partition was empty don't count.
void TopicQueue::NoteFilled(Place& place, base::SteadyTime now) const {
  if (!place.line->partition.Queue().Empty()) return;
  place.moved_at = now;
  place.delivered_then = lane_delivered_;
}

uint32_t TopicQueue::KeylessPlace(size_t bytes) {
  if (keyless_left_ < bytes || keyless_place_ >= Partitions()) {
    const uint32_t next = (keyless_place_ + 1) % Partitions();
    const auto other = static_cast<uint32_t>(random_() % Partitions());
    const auto load = [this](uint32_t place) { return places_[place].line->partition.Queue().Bytes(); };
    keyless_place_ = load(other) < load(next) ? other : next;
    keyless_left_ = std::max(kKeylessBytes, bytes);
  }
  keyless_left_ -= bytes;
  return keyless_place_;
}

// --- changes of the partitions

void TopicQueue::OnPartitionGone(Batches batches) {
  GiveUpResuming();
  for (auto& batch : batches) {
    batch->sealed = true;
    unplaced_.push_back(std::move(batch));
  }
  next_turn_ = {};
}

void TopicQueue::OnTopic(const ClusterView::Topic& view, base::SteadyTime now) {
  next_turn_ = {};
  if (view.error != ErrorCode::kUnknownTopicOrPartition) {
    missing_since_.reset();
  } else if (!missing_since_) {
    missing_since_ = now;
  }
  if (unplaced_.empty() || producer_.PartitionsOf(name_) > 0) return;
  constexpr base::Duration kNever = base::Duration::max();
  switch (view.error) {
    case ErrorCode::kNone:
    case ErrorCode::kLeaderNotAvailable: return;
    case ErrorCode::kUnknownTopicOrPartition:
      return GiveUpUnplaced(options_.unknown_topic_grace, kDeadLetterWait, "unknown_topic", now);
    case ErrorCode::kTopicAuthorizationFailed:
      listener_.OnTopicFault("not_authorized", name_, "this client may not describe the topic");
      return GiveUpUnplaced(kNever, base::Duration(0), "not_authorized", now);
    case ErrorCode::kInvalidTopic:
      listener_.OnTopicFault("misconfigured", name_, "the brokers reject the topic's name");
      return GiveUpUnplaced(kNever, base::Duration(0), "misconfigured", now);
    default:
      // Brokers that create topics report here why they can't.
      listener_.OnTopicFault(
          "misconfigured", name_,
          "the brokers reject the topic with error " + std::to_string(static_cast<int>(view.error)));
      return GiveUpUnplaced(kNever, kDeadLetterWait, "misconfigured", now);
  }
}

// Makes records undeliverable that have waited this long. If brokers report that the topic doesn't exist, the
// wait counts from the first such report.
void TopicQueue::GiveUpUnplaced(base::Duration events_after, base::Duration dead_letters_after,
                                std::string_view code, base::SteadyTime now) {
  const std::string reason(kNoSuchTopic);
  Batches left;
  for (auto& batch : std::exchange(unplaced_, {})) {
    const base::Duration after = batch->dead_letters ? dead_letters_after : events_after;
    const base::SteadyTime since = std::max(batch->began, missing_since_.value_or(batch->began));
    if (after == base::Duration::max() || now - since < after) {
      left.push_back(std::move(batch));
    } else {
      rejected_.GiveUp(*batch, code, std::span(&reason, 1));
    }
  }
  unplaced_ = std::move(left);
}

void TopicQueue::Turn(const Instant& now) {
  next_turn_ = base::SteadyTime::max();
  if (!resumed_.empty() && now.steady >= resume_until_) GiveUpResuming();
  if (!resumed_.empty()) Wake(resume_until_);
  const uint32_t partitions = producer_.PartitionsOf(name_);
  if (partitions > 0 && (partitions != Partitions() || !unplaced_.empty())) PlaceAll(partitions, now.steady);
  for (RejectedRecords::Retry& due : rejected_.Turn(now.steady)) Retry(std::move(due), now.steady);
  Wake(rejected_.NextTurn());
}

// Assigns records that were never sent, or that have no partition, in the order of acceptance.
void TopicQueue::PlaceAll(uint32_t partitions, base::SteadyTime now) {
  Batches batches = std::exchange(unplaced_, {});
  for (const Place& place : places_) {
    for (auto& batch : place.line->partition.Queue().TakeUnsent()) batches.push_back(std::move(batch));
  }
  partitions_ = partitions;
  for (auto i = static_cast<int32_t>(places_.size()); places_.size() < partitions; ++i) {
    places_.push_back({&producer_.LineOf(name_, i), now, lane_delivered_});
  }
  for (const auto& batch : batches) BatchQueue::Release(*batch);
  HoldBackByKeys();
  uint64_t newest = 0;
  const bool in_order = std::ranges::all_of(batches, [&newest](const auto& batch) {
    const bool follows = batch->tokens.front() >= newest && std::ranges::is_sorted(batch->tokens);
    newest = batch->tokens.back();
    return follows;
  });
  if (!in_order) return PlaceSorted(batches, now);
  for (; !batches.empty(); batches.pop_front()) {
    const Batch& batch = *batches.front();
    VisitRecords(batch, [&](const wire::RecordView& record, uint64_t token, const EventRun& run) {
      PlaceAgain(batch, record, token, run, now);
    });
  }
}

// Recomputes by the current partitions which batches hold back which partitions.
void TopicQueue::HoldBackByKeys() {
  for (const Place& place : places_) place.line->partition.Queue().ReleaseAll();
  for (const Place& place : places_) {
    BatchQueue& queue = place.line->partition.Queue();
    for (const auto& sent : queue.All()) {
      if (!sent->sealed || sent->dead_letters) continue;
      sent->records.Visit([&](uint32_t, const wire::RecordView& record) {
        if (!record.key) return;
        BatchQueue& present = places_[PlaceOf(base::Murmur2(*record.key))].line->partition.Queue();
        if (&present != &queue) present.HoldBack(*sent);
      });
    }
  }
}

void TopicQueue::PlaceSorted(const Batches& batches, base::SteadyTime now) {
  struct Item {
    uint64_t token;
    const Batch* batch;
    wire::RecordView record;
    EventRun run;
  };
  std::vector<Item> items;
  for (const auto& batch : batches) {
    VisitRecords(*batch, [&](const wire::RecordView& record, uint64_t token, const EventRun& run) {
      items.push_back({token, batch.get(), record, run});
    });
  }
  std::ranges::sort(items, {}, &Item::token);
  for (const Item& item : items) PlaceAgain(*item.batch, item.record, item.token, item.run, now);
}

void TopicQueue::PlaceAgain(const Batch& batch, const wire::RecordView& record, uint64_t token,
                            const EventRun& run, base::SteadyTime now) {
  const size_t bytes = record.tail.size() + wire::RecordBatch::kRecordOverheadMax;
  const uint32_t place = record.key ? PlaceOf(base::Murmur2(*record.key)) : KeylessPlace(bytes);
  const int64_t unix_ms = batch.records.TimestampMs();
  AppendRecord(OpenIn(place, bytes, batch.dead_letters, batch.began, unix_ms, now), record, token, run);
}

// --- answers about records

void TopicQueue::OnDelivered(const Partition& partition, const Batch& batch, base::SteadyTime now) {
  rejected_.OnDelivered(batch);
  if (!rejected_.Empty()) next_turn_ = {};
  const auto index = static_cast<size_t>(partition.Index());
  if (index >= places_.size()) return;
  places_[index].moved_at = now;
  places_[index].delivered_then = lane_delivered_;
}

void TopicQueue::OnRejected(const Partition& partition, std::unique_ptr<Batch> rejected,
                            std::string_view code, std::span<const std::string> reasons,
                            base::SteadyTime now) {
  if (rejected_.Add(std::move(rejected), code, reasons, {partition.Index(), partitions_}, now)) {
    next_turn_ = {};
  }
}

void TopicQueue::Retry(RejectedRecords::Retry rejected, base::SteadyTime now) {
  const auto [partition, partitions] = rejected.place;
  if (partitions == partitions_ && unplaced_.empty()) {
    Place& place = places_[static_cast<size_t>(partition)];
    NoteFilled(place, now);
    place.line->partition.Queue().Append(std::move(rejected.records));
    return producer_.Filled(*place.line);
  }
  unplaced_.push_back(std::move(rejected.records));
  next_turn_ = {};
}

std::vector<int32_t> TopicQueue::Stalled(base::SteadyTime now, const StallRule& rule) const {
  std::vector<int32_t> stalled;
  for (const Place& place : places_) {
    const Partition& partition = place.line->partition;
    if (partition.Queue().Empty() || now - place.moved_at < std::min(rule.after, rule.after_if_large))
      continue;
    const uint64_t records = partition.Queue().Records();
    if (now - place.moved_at < (records >= rule.large_records ? rule.after_if_large : rule.after)) continue;
    const uint64_t elsewhere = lane_delivered_ - place.delivered_then;
    if (elsewhere < kStalledDeliveriesMin || elsewhere < records / 2) continue;
    stalled.push_back(partition.Index());
  }
  return stalled;
}

}  // namespace ei::kafka::native
