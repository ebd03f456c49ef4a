#include "adapters/kafka/cluster_reports.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "adapters/kafka/failure_table.h"

namespace ei::kafka {

namespace {

constexpr std::string_view kComponent = "kafka";

}  // namespace

ClusterReports::BrokerCounts& ClusterReports::CountsOf(const std::string& broker) {
  const auto known = brokers_.find(broker);
  if (known != brokers_.end()) return known->second;
  return brokers_[brokers_.size() < kBrokersShownMax ? broker : "other"];
}

std::map<std::string, ClusterReports::BrokerCounts, std::less<>> ClusterReports::Brokers() const {
  const base::MutexLock lock(mutex_);
  return brokers_;
}

SinkStatus ClusterReports::Status() const {
  SinkStatus status;
  const bool tried = tried_.load(std::memory_order_acquire);
  const base::MutexLock lock(mutex_);
  status.refused = !rejected_lanes_.empty();
  if (Reached()) {
    status.contact = Connectivity::kConnected;
  } else if (status.refused) {
    status.contact = Connectivity::kRefused;
  } else if (tried) {
    status.contact = Connectivity::kUnreachable;
  }
  for (const auto& [_, pause] : pauses_) status.pause = std::max(status.pause, pause);
  std::set<std::pair<std::string_view, int32_t>> stalled;  // each once, even if several lanes report it
  for (const auto& [_, topics] : stalled_) {
    for (const StalledTopic& topic : topics) {
      for (const int32_t partition : topic.stalled) stalled.emplace(topic.topic, partition);
    }
  }
  status.stalled = stalled.size();
  return status;
}

void ClusterReports::Fault(std::string_view code, std::string_view where, std::string_view detail) {
  tried_.store(true, std::memory_order_release);
  if (telemetry_ != nullptr) telemetry_->SinkFault(code);
  log_.Write(LogLevel::kWarn, kComponent, "the Kafka client reports a fault",
             {{"code", code}, {"where", where}, {"detail", detail}});
}

void ClusterReports::AllRejected(std::string_view topic, std::string_view reason) {
  if (telemetry_ != nullptr) telemetry_->SinkFault(kAllRefused);
  log_.Write(LogLevel::kError, kComponent,
             "a topic rejects every event: none becomes a dead letter until the topic accepts one; check the "
             "settings of the topic and of the brokers",
             {{"topic", topic}, {"reason", reason}});
}

void ClusterReports::LoginAccepted(size_t lane, const std::string& broker) {
  bool accepted = false;
  {
    const base::MutexLock lock(mutex_);
    ++CountsOf(broker).let_in;
    const size_t before = rejected_lanes_.size();
    rejected_lanes_.erase(kEveryLane);
    rejected_lanes_.erase(lane);
    accepted = before > 0 && rejected_lanes_.empty();
  }
  tried_.store(true, std::memory_order_release);
  if (accepted) {
    NewCredentials();
    log_.Write(LogLevel::kInfo, kComponent, "the credentials are accepted");
  }
  reached_.store(true, std::memory_order_relaxed);
}

void ClusterReports::CredentialsRejected(size_t lane, std::string_view code, std::string_view where,
                                         std::string_view detail) {
  {
    const base::MutexLock lock(mutex_);
    rejected_lanes_.insert(lane);
  }
  tried_.store(true, std::memory_order_release);
  if (telemetry_ != nullptr) telemetry_->SinkFault(code);
  if (rejection_logged_.exchange(true, std::memory_order_relaxed)) return;
  log_.Write(LogLevel::kError, kComponent,
             "the credentials are rejected (kafka.security); events wait, retrying",
             {{"code", code}, {"where", where}, {"detail", detail}});
}

void ClusterReports::Produced(const std::string& broker, base::Duration took) {
  const base::MutexLock lock(mutex_);
  BrokerCounts& counts = CountsOf(broker);
  ++counts.requests;
  counts.time += took;
}

void ClusterReports::Pause(size_t lane, const std::string& broker, base::Duration pause) {
  const auto pauses = [&]() REQUIRES(mutex_) {
    const auto first = pauses_.lower_bound({broker, 0});
    return first != pauses_.end() && first->first.first == broker;
  };
  bool before = false;
  bool after = false;
  {
    const base::MutexLock lock(mutex_);
    before = pauses();
    if (pause == base::Duration(0)) {
      pauses_.erase({broker, lane});
    } else {
      pauses_[{broker, lane}] = pause;
    }
    after = pauses();
  }
  if (pause > base::Duration(0) && telemetry_ != nullptr) telemetry_->SinkFault(kThrottled);
  if (before == after) return;
  if (!after) {
    return log_.Write(LogLevel::kInfo, kComponent, "a broker no longer slows this client down",
                      {{"broker", std::string_view(broker)}});
  }
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(pause).count();
  log_.Write(
      LogLevel::kWarn, kComponent, "a broker slows this client down",
      {{"broker", std::string_view(broker)},
       {"pause_ms", int64_t{millis}},
       {"hint", "a quota of this user or client id is used up (producer_byte_rate, request_percentage)"}});
}

void ClusterReports::SetStalled(size_t lane, std::vector<StalledTopic> stalled) {
  const base::MutexLock report_lock(stalls_mutex_);
  std::vector<StalledTopic> stalls;
  {
    const base::MutexLock lock(mutex_);
    if (stalled.empty()) {
      stalled_.erase(lane);
    } else {
      stalled_[lane] = std::move(stalled);
    }
    any_stalled_.store(!stalled_.empty(), std::memory_order_relaxed);
    stalls = StallsOfAllLanes();
  }
  if (stalls == reported_stalls_) return;
  reported_stalls_ = stalls;
  on_stalls_(std::move(stalls));
}

// Lanes may know different numbers of partitions for a moment: then the lists of the highest lanes that agree
// are used.
std::vector<StalledTopic> ClusterReports::StallsOfAllLanes() const {
  std::map<std::string, StalledTopic> by_name;
  for (const auto& [_, topics] : stalled_) {
    for (const StalledTopic& topic : topics) {
      StalledTopic& all = by_name[topic.topic];
      if (all.partitions != topic.partitions) all = {topic.topic, topic.partitions, {}};
      std::vector<int32_t> both;
      std::ranges::set_union(all.stalled, topic.stalled, std::back_inserter(both));
      all.stalled = std::move(both);
    }
  }
  std::vector<StalledTopic> stalls;
  stalls.reserve(by_name.size());
  for (auto& [_, topic] : by_name) stalls.push_back(std::move(topic));
  return stalls;
}

bool ClusterReports::IsStalled(std::string_view topic, std::optional<uint32_t> key_hash) const {
  // Events without a key are sent to other partitions.
  if (!any_stalled_.load(std::memory_order_relaxed) || !key_hash) return false;
  const base::MutexLock lock(mutex_);
  for (const auto& [_, topics] : stalled_) {
    for (const StalledTopic& one : topics) {
      if (one.topic == topic && one.Contains(PartitionOf(*key_hash, one.partitions))) return true;
    }
  }
  return false;
}

}  // namespace ei::kafka
