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

// Keeps up with what the settings of the topics that a producer writes to say: max.message.bytes,
// cleanup.policy, and whether acks=all means more than one replica (min.insync.replicas). Asks when a topic
// is new, when one has refused a record for its size, when there was no answer, and else once a minute; at
// most once a second. While the brokers don't answer, what was learnt last holds.
class SizeLimits {
 public:
  struct Known {
    // Of a record; nullopt: the topic's size doesn't tell what it takes, or isn't told to this client.
    std::optional<uint64_t> bytes_max;
    bool compacted = false;
    bool one_ack = false;  // of several replicas one alone suffices for a record to be acknowledged
    bool operator==(const Known&) const = default;
  };
  // Any thread.
  using Learnt = std::function<void(std::string_view topic, const Known& known)>;

  // How many replicas a topic has; 0: not known. Asked by OnAnswer.
  using Replicas = std::function<int(const std::string& topic)>;

  SizeLimits(Learnt learnt, Replicas replicas, Log& log)
      : learnt_(std::move(learnt)), replicas_(std::move(replicas)), log_(log) {}

  // Any thread. A record that gets compressed may fit whatever its size: no limit is learnt then.
  void Watch(std::string_view topic, bool compressed) EXCLUDES(mutex_);
  void AskSoon() EXCLUDES(mutex_);

  // One thread, now and then: the topics to ask for now; none while an answer is awaited.
  std::vector<std::string> TopicsToAsk(base::SteadyTime now) EXCLUDES(mutex_);
  // When there is something to ask for again, unless AskSoon or Watch is called before.
  base::SteadyTime NextAsk() EXCLUDES(mutex_);
  void OnAnswer(const TopicConfigAnswer& answer) EXCLUDES(mutex_);

 private:
  struct Told {
    bool compressed = false;
    bool ever = false;
    int replicas = 0;  // 0: not known
    Known known = {};
    bool operator==(const Told&) const = default;
  };
  void Take(std::string_view topic, const base::Result<TopicConfig>& config) EXCLUDES(mutex_);
  std::vector<std::string> Topics() const REQUIRES(mutex_);

  void TellOfAcks(std::string_view topic, const Told& told) const;
  void TellOfSize(std::string_view topic, const base::Result<TopicConfig>& config, const Told& told) const;

  const Learnt learnt_;
  const Replicas replicas_;
  Log& log_;
  bool awaited_ = false;
  std::optional<base::SteadyTime> asked_at_;

  base::Mutex mutex_;
  bool soon_ GUARDED_BY(mutex_) = false;
  std::map<std::string, Told, std::less<>> topics_ GUARDED_BY(mutex_);  // bounded by those that routes name
};

}  // namespace ei::kafka
