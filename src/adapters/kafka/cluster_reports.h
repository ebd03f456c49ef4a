#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/time.h"
#include "delivery/event_sink.h"
#include "event/telemetry.h"
#include "journal/stalled_topic.h"

namespace ei::kafka {

// What the lanes of a sink report about the cluster: for metrics, the log and SinkStatus. Thread-safe.
class ClusterReports {
 public:
  // Counters of one broker. Brokers beyond kBrokersShownMax are counted together as "other".
  struct BrokerCounts {
    uint64_t let_in = 0;     // accepted connections and renewed logins
    uint64_t requests = 0;   // answered produce requests
    base::Duration time{0};  // sum of the times from sending a request to its answer
  };
  static constexpr size_t kBrokersShownMax = 100;
  // Both must outlive this object; `telemetry` may be null.
  ClusterReports(Log& log, Telemetry* telemetry) : log_(log), telemetry_(telemetry) {}

  std::map<std::string, BrokerCounts, std::less<>> Brokers() const EXCLUDES(mutex_);
  // All of the status that is known here; `one_ack_topics` is not set.
  SinkStatus Status() const EXCLUDES(mutex_);
  bool Reached() const { return reached_.load(std::memory_order_relaxed); }
  bool IsStalled(std::string_view topic, std::optional<uint32_t> key_hash) const EXCLUDES(mutex_);
  // See EventSink::OnStalls.
  void OnStalls(std::function<void(std::vector<StalledTopic>)> callback) { on_stalls_ = std::move(callback); }

  // Counts and logs a fault that no single record caused.
  void Fault(std::string_view code, std::string_view where, std::string_view detail);
  void AllRejected(std::string_view topic, std::string_view reason);
  // A broker accepted a connection of the lane, or its renewed login.
  void LoginAccepted(size_t lane, const std::string& broker) EXCLUDES(mutex_);
  // The lane's credentials were rejected. Counts every rejection; logs the first one after NewCredentials()
  // or after the credentials of all lanes were accepted.
  void CredentialsRejected(size_t lane, std::string_view code, std::string_view where,
                           std::string_view detail) EXCLUDES(mutex_);
  static constexpr size_t kEveryLane = ~size_t{0};
  void NewCredentials() { rejection_logged_.store(false, std::memory_order_relaxed); }
  void Produced(const std::string& broker, base::Duration took) EXCLUDES(mutex_);
  // A broker asked the lane to pause; 0: the pause is over.
  void Pause(size_t lane, const std::string& broker, base::Duration pause) EXCLUDES(mutex_);
  // Replaces the partitions that are stalled for the lane.
  void SetStalled(size_t lane, std::vector<StalledTopic> stalled) EXCLUDES(stalls_mutex_, mutex_);

 private:
  BrokerCounts& CountsOf(const std::string& broker) REQUIRES(mutex_);
  std::vector<StalledTopic> StallsOfAllLanes() const REQUIRES(mutex_);

  Log& log_;
  Telemetry* const telemetry_;
  std::atomic<bool> reached_{false};
  std::atomic<bool> tried_{false};
  std::atomic<bool> rejection_logged_{false};
  std::atomic<bool> any_stalled_{false};
  std::function<void(std::vector<StalledTopic>)> on_stalls_ = [](const std::vector<StalledTopic>&) {};
  base::Mutex stalls_mutex_;  // held during on_stalls_, so that its calls are in order
  std::vector<StalledTopic> reported_stalls_ GUARDED_BY(stalls_mutex_);
  mutable base::Mutex mutex_;  // acquired after stalls_mutex_
  std::map<std::string, BrokerCounts, std::less<>> brokers_ GUARDED_BY(mutex_);
  std::map<std::pair<std::string, size_t>, base::Duration> pauses_ GUARDED_BY(mutex_);  // by broker and lane
  std::map<size_t, std::vector<StalledTopic>> stalled_ GUARDED_BY(mutex_);              // by lane
  std::set<size_t> rejected_lanes_ GUARDED_BY(mutex_);  // those whose credentials are rejected now
};

}  // namespace ei::kafka
