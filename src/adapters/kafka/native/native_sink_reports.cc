// NativeSink: what the producer says, and what the lanes hear of it.

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "adapters/kafka/failure_table.h"
#include "adapters/kafka/native/native_sink.h"

namespace ei::kafka::native {

using app::DeliveryReport;
using app::Verdict;

namespace {

constexpr std::string_view kNoSuchTopic = "the brokers don't know the topic, or don't let this client see it";
constexpr auto kLetterPatience = std::chrono::seconds(5);  // for brokers to make its topic

std::string ErrorText(wire::ErrorCode error) { return std::to_string(static_cast<int>(error)); }

}  // namespace

void NativeSink::Report(uint64_t packed, DeliveryReport report) {
  report.token = packed & kTokenMask;
  const size_t lane = LaneOf(packed);
  if (report.verdict != Verdict::kDelivered) failures_[lane].fetch_add(1, std::memory_order_release);
  reports_[lane].push_back(std::move(report));
}

void NativeSink::Refuse(const Batch& batch, Verdict verdict, std::string_view code, std::string_view reason,
                        std::string_view topic) {
  for (const uint64_t packed : batch.tokens) {
    Report(packed, {.verdict = verdict, .code = code, .reason = std::string(reason), .topic = topic});
  }
}

void NativeSink::GiveBack(const Batch& batch, Verdict verdict, std::string_view code, std::string_view reason,
                          std::string_view topic) {
  Refuse(batch, verdict, code, reason, topic);
  auto& by_lane = given_back_[std::string(topic)];
  by_lane.resize(failures_.size());
  for (const uint64_t packed : batch.tokens) {
    const size_t lane = LaneOf(packed);
    by_lane[lane] = failures_[lane].load(std::memory_order_relaxed);
  }
}

bool NativeSink::IsBehindGivenBack(const Handed& handed) const {
  const uint64_t first = handed.batch->tokens.front();
  if ((first & kLetterBit) != 0) return false;  // letters have no order
  const auto known = given_back_.find(handed.topic);
  return known != given_back_.end() && handed.failures_seen < known->second[LaneOf(first)];
}

void NativeSink::GiveReports() {
  for (size_t lane = 0; lane < reports_.size(); ++lane) {
    if (reports_[lane].empty()) continue;
    listeners_[lane]->OnReports(reports_[lane]);
    reports_[lane].clear();
  }
}

void NativeSink::OnDelivered(const Partition& partition, const Batch& batch, int64_t base_offset) {
  const std::string_view topic = topics_.Keep(partition.Topic());
  const int64_t last = std::numeric_limits<int64_t>::max() - static_cast<int64_t>(batch.tokens.size());
  for (size_t i = 0; i < batch.tokens.size(); ++i) {
    DeliveryReport report;
    report.topic = topic;
    report.partition = partition.Index();
    report.offset = base_offset < 0 || base_offset > last ? -1 : base_offset + static_cast<int64_t>(i);
    Report(batch.tokens[i], std::move(report));
  }
}

void NativeSink::OnRejected(const Partition& partition, uint64_t token, std::string_view code,
                            std::string_view reason) {
  const bool letter = (token & kLetterBit) != 0;
  DeliveryReport report;
  report.verdict = letter && code != "message_too_large" ? Verdict::kEventRefused : Verdict::kEventInvalid;
  report.code = code;
  report.reason = reason.empty() ? code : reason;
  report.topic = topics_.Keep(partition.Topic());
  Report(token, std::move(report));
  if (code == "message_too_large") size_limits_.AskSoon();
}

void NativeSink::OnPartitionGone(const Partition& partition, const Batch& batch, bool topic_missing) {
  const std::string_view topic = topics_.Keep(partition.Topic());
  if (!topic_missing) {
    return GiveBack(batch, Verdict::kTransient, "taken_back", "the topic has fewer partitions now", topic);
  }
  const Verdict verdict = batch.impatient ? Verdict::kEventRefused : Verdict::kUnknownTopic;
  GiveBack(batch, verdict, "unknown_topic", kNoSuchTopic, topic);
}

void NativeSink::OnTopic(const std::string& topic, const ClusterView::Topic& told) {
  if (!told.partitions.empty()) {
    replicas_[topic] = told.replicas;
    topics_.Of(topic == options_.topic ? std::string_view() : topic)
        .SetPartitions(static_cast<uint32_t>(told.partitions.size()));
  }
  const auto found = waiting_.find(topic);
  if (found == waiting_.end()) return;
  std::vector<Handed> waiting = std::exchange(found->second, {});
  waiting_.erase(found);
  const bool missing = told.error == wire::ErrorCode::kUnknownTopicOrPartition;
  const bool denied = told.error == wire::ErrorCode::kTopicAuthorizationFailed;
  const bool invalid = told.error == wire::ErrorCode::kInvalidTopic;
  for (Handed& one : waiting) {
    const bool letter = (one.batch->tokens.front() & kLetterBit) != 0;
    const std::string_view name = one.topic;
    if (missing && letter && clock_.Now() - one.since < kLetterPatience) {
      waiting_[topic].push_back(std::move(one));
    } else if (missing || (letter && (denied || invalid))) {
      const std::string_view code = missing ? "unknown_topic" : denied ? kNotAuthorized : "misconfigured";
      const Verdict verdict = letter ? Verdict::kEventRefused : Verdict::kUnknownTopic;
      GiveBack(*one.batch, verdict, code, kNoSuchTopic, name);
    } else if (denied || invalid) {
      const std::string_view code = denied ? kNotAuthorized : std::string_view("misconfigured");
      if (denied) OnFault(kNotAuthorized, topic, "the topic may not be described");
      GiveBack(*one.batch, Verdict::kTransient, code, "the brokers refuse the topic", name);
    } else if (told.error != wire::ErrorCode::kNone && told.error != wire::ErrorCode::kLeaderNotAvailable) {
      // Brokers that make topics themselves say here why they can't.
      const bool patient = !letter || clock_.Now() - one.since < kLetterPatience;
      OnFault("misconfigured", topic, "the brokers refuse the topic with error " + ErrorText(told.error));
      if (patient && letter) {
        waiting_[topic].push_back(std::move(one));
      } else {
        GiveBack(*one.batch, letter ? Verdict::kEventRefused : Verdict::kTransient, "misconfigured",
                 "the brokers refuse the topic", name);
      }
    } else {
      Place(std::move(one));
    }
  }
}

void NativeSink::OnFault(std::string_view code, const std::string& where, std::string_view detail) {
  tried_.store(true, std::memory_order_release);
  if (telemetry_ != nullptr) telemetry_->SinkFault(code);
  log_.Write(app::LogLevel::kWarn, "kafka", "the Kafka client reports a fault",
             {{"code", code}, {"where", std::string_view(where)}, {"detail", detail}});
}

void NativeSink::OnContact(const std::string& where) {
  {
    const base::MutexLock lock(brokers_mutex_);
    ++CountsOf(where).let_in;
  }
  tried_.store(true, std::memory_order_release);
  if (refused_.exchange(false, std::memory_order_relaxed)) {
    refusal_logged_ = false;
    log_.Write(app::LogLevel::kInfo, "kafka", "the credentials are accepted");
  }
  reached_.store(true, std::memory_order_relaxed);
}

void NativeSink::OnRefused(const std::string& where, std::string_view detail) {
  TellRefusal("authentication_failed", where, detail);
}

void NativeSink::TellRefusal(std::string_view code, std::string_view where, std::string_view detail) {
  refused_.store(true, std::memory_order_relaxed);
  tried_.store(true, std::memory_order_release);
  if (telemetry_ != nullptr) telemetry_->SinkFault(code);
  if (std::exchange(refusal_logged_, true)) return;
  log_.Write(app::LogLevel::kError, "kafka",
             "the credentials are refused (kafka.security); events wait, and it is tried on",
             {{"code", code}, {"where", where}, {"detail", detail}});
}

NativeSink::BrokerCounts& NativeSink::CountsOf(const std::string& broker) {
  const auto known = brokers_.find(broker);
  if (known != brokers_.end()) return known->second;
  return brokers_[brokers_.size() < kBrokersShownMax ? broker : "other"];
}

void NativeSink::OnProduced(const std::string& where, base::Duration took) {
  const base::MutexLock lock(brokers_mutex_);
  BrokerCounts& counts = CountsOf(where);
  ++counts.requests;
  counts.time += took;
}

std::map<std::string, NativeSink::BrokerCounts, std::less<>> NativeSink::Brokers() const {
  const base::MutexLock lock(brokers_mutex_);
  return brokers_;
}

void NativeSink::OnPause(const std::string& where, base::Duration pause) {
  const auto known = pauses_.find(where);
  if (pause == base::Duration(0)) {
    if (known == pauses_.end()) return;
    pauses_.erase(known);
    log_.Write(app::LogLevel::kInfo, "kafka", "a broker slows this client down no more",
               {{"broker", std::string_view(where)}});
  } else {
    if (telemetry_ != nullptr) telemetry_->SinkFault(kThrottled);
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(pause).count();
    if (known == pauses_.end()) {
      log_.Write(app::LogLevel::kWarn, "kafka", "a broker slows this client down",
                 {{"broker", std::string_view(where)},
                  {"pause_ms", int64_t{millis}},
                  {"hint",
                   "a quota of this user or client id is used up (producer_byte_rate, request_percentage)"}});
    }
    pauses_[where] = pause;
  }
  base::Duration longest{0};
  for (const auto& [_, each] : pauses_) longest = std::max(longest, each);
  pause_nanos_.store(longest.count(), std::memory_order_relaxed);
}

void NativeSink::OnRepeats(uint32_t records) {
  if (telemetry_ != nullptr) telemetry_->SinkRepeats(/*recognized=*/true, records);
}

void NativeSink::OnPossibleRepeats(uint32_t records) {
  if (telemetry_ != nullptr) telemetry_->SinkRepeats(/*recognized=*/false, records);
}

void NativeSink::OnTopicConfigs(const wire::DescribeConfigsResponse* response) {
  if (response == nullptr) {
    return size_limits_.OnAnswer(base::Fail(base::ErrorKind::kUnavailable, "no answer"));
  }
  std::vector<std::pair<std::string_view, base::Result<TopicConfig>>> found;
  for (const wire::TopicConfigs& told : response->topics) {
    if (told.error != wire::ErrorCode::kNone) {
      found.emplace_back(told.topic,
                         base::Fail(base::ErrorKind::kInvalid,
                                    "a topic's settings can't be read: error " + ErrorText(told.error)));
      continue;
    }
    TopicConfig config;
    for (const wire::ConfigValue& value : told.values) {
      const std::string_view text = value.value.value_or("");
      if (value.name == "max.message.bytes") {
        std::from_chars(text.data(), text.data() + text.size(), config.message_bytes_max);
      } else if (value.name == "cleanup.policy") {
        config.compacted = text.find("compact") != std::string_view::npos;
      } else if (value.name == "min.insync.replicas") {
        std::from_chars(text.data(), text.data() + text.size(), config.in_sync_min);
      }
    }
    found.emplace_back(told.topic, config);
  }
  size_limits_.OnAnswer(found);
}

void NativeSink::OnTopicKnown(std::string_view topic, const SizeLimits::Known& known) {
  Topic& kept = topics_.Of(topic == options_.topic ? std::string_view() : topic);
  kept.compacted.store(known.compacted, std::memory_order_relaxed);
  kept.one_ack.store(known.one_ack, std::memory_order_relaxed);
  kept.bytes_max.store(known.bytes_max.value_or(Topic::kAnySize), std::memory_order_relaxed);
  if (limits_ == nullptr) return;
  limits_->Learn(topic, topic, known.bytes_max);
  if (topic == options_.topic) limits_->Learn({}, topic, known.bytes_max);
}

}  // namespace ei::kafka::native
