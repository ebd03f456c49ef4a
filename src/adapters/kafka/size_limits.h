#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/kafka/topic_config.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/time.h"

namespace ei::kafka {

// Tracks settings of the topics that a producer writes to: max.message.bytes, cleanup.policy, and whether
// acks=all means more than one replica (min.insync.replicas). Requests them for a new topic, after a record
// was rejected for its size, after a request without an answer, and otherwise once a minute; at most once a
// second. While the brokers don't answer, the last known values stay in use.
class SizeLimits {
 public:
  struct Known {
    // Record size limit. nullopt: unknown, because records are compressed or this client may not read the
    // setting.
    std::optional<uint64_t> bytes_max;
    bool compacted = false;
    bool one_ack = false;  // the topic has several replicas and min.insync.replicas is 1
    bool operator==(const Known&) const = default;
  };
  // Called by Watch and OnAnswer, without the lock.
  using Learnt = std::function<void(std::string_view topic, const Known& known)>;

  // Returns the number of replicas of a topic; 0: unknown. Called by OnAnswer.
  using Replicas = std::function<int(const std::string& topic)>;

  SizeLimits(Learnt learnt, Replicas replicas, Log& log)
      : learnt_(std::move(learnt)), replicas_(std::move(replicas)), log_(log) {}

  // Any thread. For compressed topics no size limit is learnt, because a large record may fit once it is
  // compressed.
  void Watch(std::string_view topic, bool compressed) EXCLUDES(mutex_);
  void RequestSoon() EXCLUDES(mutex_);

  // One thread: TopicsToRequest, NextRequest and OnAnswer. Returns the topics to request now; empty while an
  // answer is pending.
  std::vector<std::string> TopicsToRequest(base::SteadyTime now) EXCLUDES(mutex_);
  // When TopicsToRequest will return topics again, unless RequestSoon or Watch is called before.
  base::SteadyTime NextRequest() EXCLUDES(mutex_);
  void OnAnswer(const TopicConfigAnswer& answer) EXCLUDES(mutex_);

 private:
  struct State {
    bool compressed = false;
    bool ever = false;  // an answer has come
    int replicas = 0;   // 0: not known
    Known known = {};
    bool operator==(const State&) const = default;
  };
  void Apply(std::string_view topic, const base::Result<TopicConfig>& config) EXCLUDES(mutex_);
  std::vector<std::string> Topics() const REQUIRES(mutex_);

  void LogAcks(std::string_view topic, const State& state) const;
  void LogSize(std::string_view topic, const base::Result<TopicConfig>& config, const State& state) const;

  const Learnt learnt_;
  const Replicas replicas_;
  Log& log_;
  bool pending_ = false;  // a request isn't answered
  std::optional<base::SteadyTime> requested_at_;

  base::Mutex mutex_;
  bool request_soon_ GUARDED_BY(mutex_) = false;
  std::map<std::string, State, std::less<>> topics_ GUARDED_BY(mutex_);  // at most the topics of routes
};

}  // namespace ei::kafka
