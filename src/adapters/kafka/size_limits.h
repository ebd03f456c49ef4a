#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/kafka/cluster_questions.h"
#include "app/ports/log.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/time.h"

namespace ei::kafka {

// Keeps up with max.message.bytes of the topics that a producer writes to. Asks when a topic is new, when one
// has refused a record for its size, and else once a minute; at most once a second. While the brokers don't
// answer, what was learnt last holds.
class SizeLimits {
 public:
  // nullopt: the topic's size doesn't tell what it takes, or isn't told to this client. Any thread.
  using Learnt = std::function<void(std::string_view topic, std::optional<uint64_t> bytes_max)>;

  SizeLimits(Learnt learnt, app::Log& log) : learnt_(std::move(learnt)), log_(log) {}

  // Any thread. A record that gets compressed may fit whatever its size: no limit is learnt then.
  void Watch(std::string_view topic, bool compressed) EXCLUDES(mutex_);
  void AskSoon() EXCLUDES(mutex_);

  // One thread, now and then: the topics to ask for now; none while an answer is awaited.
  std::vector<std::string> TopicsToAsk(base::SteadyTime now) EXCLUDES(mutex_);
  void OnAnswer(const MessageBytesMaxAnswer& answer) EXCLUDES(mutex_);

 private:
  struct Told {
    bool ever = false;
    std::optional<uint64_t> bytes_max;
    bool operator==(const Told&) const = default;
  };
  void Take(std::string_view topic, const base::Result<uint64_t>& bytes_max) EXCLUDES(mutex_);
  std::vector<std::string> Topics() const REQUIRES(mutex_);

  const Learnt learnt_;
  app::Log& log_;
  bool awaited_ = false;
  std::optional<base::SteadyTime> asked_at_;

  base::Mutex mutex_;
  bool soon_ GUARDED_BY(mutex_) = false;
  std::map<std::string, Told, std::less<>> topics_ GUARDED_BY(mutex_);  // bounded by those that routes name
};

}  // namespace ei::kafka
