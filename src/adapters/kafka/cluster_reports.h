#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
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

namespace ei::kafka {

// What the lanes of a sink learn of the cluster, for metrics, for the log and for whoever asks. Thread-safe.
class ClusterReports {
 public:
  // By broker; further brokers than kBrokersShownMax are counted together.
  struct BrokerCounts {
    uint64_t let_in = 0;     // to a new connection, or with a renewed login
    uint64_t requests = 0;   // to produce
    base::Duration time{0};  // from sending them to their answers
  };
  static constexpr size_t kBrokersShownMax = 100;
  // The partitions of a topic that take nothing, while others do.
  struct Stalled {
    std::string topic;
    uint32_t partitions = 0;       // of the topic
    std::vector<int32_t> stalled;  // by rising number
  };

  // The references outlive it; `telemetry` may be null.
  ClusterReports(Log& log, Telemetry* telemetry) : log_(log), telemetry_(telemetry) {}

  std::map<std::string, BrokerCounts, std::less<>> Brokers() const EXCLUDES(mutex_);
  // All that is told here.
  SinkStatus Status() const EXCLUDES(mutex_);
  bool Reached() const { return reached_.load(std::memory_order_relaxed); }
  bool IsStalled(std::string_view topic, std::optional<uint32_t> key_hash) const EXCLUDES(mutex_);

  // Trouble that is no record's own.
  void Fault(std::string_view code, std::string_view where, std::string_view detail);
  void AllRejected(std::string_view topic, std::string_view reason);
  // A broker has let a lane in.
  void LetIn(size_t lane, const std::string& broker) EXCLUDES(mutex_);
  // The credentials are of no use to a lane; told once, until there are new ones or all lanes are let in.
  void Refused(size_t lane, std::string_view code, std::string_view where, std::string_view detail)
      EXCLUDES(mutex_);
  static constexpr size_t kEveryLane = ~size_t{0};
  void NewCredentials() { refusal_told_.store(false, std::memory_order_relaxed); }
  void Produced(const std::string& broker, base::Duration took) EXCLUDES(mutex_);
  // A lane's broker asks for a pause; 0: for none any more.
  void Pause(size_t lane, const std::string& broker, base::Duration pause) EXCLUDES(mutex_);
  void SetStalled(size_t lane, std::vector<Stalled> stalled) EXCLUDES(mutex_);

 private:
  BrokerCounts& CountsOf(const std::string& broker) REQUIRES(mutex_);

  Log& log_;
  Telemetry* const telemetry_;
  std::atomic<bool> reached_{false};
  std::atomic<bool> tried_{false};
  std::atomic<bool> refusal_told_{false};
  std::atomic<bool> any_stalled_{false};
  mutable base::Mutex mutex_;
  std::map<std::string, BrokerCounts, std::less<>> brokers_ GUARDED_BY(mutex_);
  std::map<std::pair<std::string, size_t>, base::Duration> pauses_ GUARDED_BY(mutex_);  // by broker and lane
  std::map<size_t, std::vector<Stalled>> stalled_ GUARDED_BY(mutex_);                   // by lane
  std::set<size_t> refused_ GUARDED_BY(mutex_);                                         // lanes
};

}  // namespace ei::kafka
