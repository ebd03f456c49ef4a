#include "adapters/kafka/size_limits.h"

#include <utility>

namespace ei::kafka {

namespace {

constexpr auto kPauseMin = std::chrono::seconds(1);
constexpr auto kRefreshInterval = std::chrono::minutes(1);

}  // namespace

void SizeLimits::Watch(std::string_view topic, bool compressed) {
  {
    const base::MutexLock lock(mutex_);
    if (!topics_.try_emplace(std::string(topic), State{compressed}).second) return;
    request_soon_ = true;
  }
  if (compressed) learnt_(topic, {});
}

void SizeLimits::RequestSoon() {
  const base::MutexLock lock(mutex_);
  request_soon_ = true;
}

std::vector<std::string> SizeLimits::Topics() const {
  std::vector<std::string> topics;
  topics.reserve(topics_.size());
  for (const auto& [topic, _] : topics_) topics.push_back(topic);
  return topics;
}

std::vector<std::string> SizeLimits::TopicsToRequest(base::SteadyTime now) {
  if (pending_) return {};
  const base::MutexLock lock(mutex_);
  const base::Duration pause = request_soon_ ? base::Duration(kPauseMin) : kRefreshInterval;
  if (topics_.empty() || (requested_at_ && now < *requested_at_ + pause)) return {};
  request_soon_ = false;
  requested_at_ = now;
  pending_ = true;
  return Topics();
}

base::SteadyTime SizeLimits::NextRequest() {
  const base::MutexLock lock(mutex_);
  if (pending_ || topics_.empty()) return base::SteadyTime::max();
  if (!requested_at_) return {};
  return *requested_at_ + (request_soon_ ? base::Duration(kPauseMin) : kRefreshInterval);
}

void SizeLimits::OnAnswer(const TopicConfigAnswer& answer) {
  pending_ = false;
  if (answer) {
    for (const auto& [topic, config] : *answer) Apply(topic, config);
    return;
  }
  std::vector<std::string> topics;
  {
    const base::MutexLock lock(mutex_);
    topics = Topics();
  }
  for (const std::string& topic : topics) Apply(topic, std::unexpected(answer.error()));
}

void SizeLimits::Apply(std::string_view topic, const base::Result<TopicConfig>& config) {
  if (!config && config.error().kind == base::ErrorKind::kUnavailable) return RequestSoon();
  State before;
  {
    const base::MutexLock lock(mutex_);
    const auto known = topics_.find(topic);
    if (known == topics_.end()) return;
    before = known->second;
  }
  State state{.compressed = before.compressed, .ever = true, .replicas = before.replicas};
  if (config && !state.compressed) state.known.bytes_max = config->message_bytes_max;
  state.known.compacted = config && config->compacted;
  if (config && config->in_sync_min == 1) {
    if (state.replicas == 0) state.replicas = replicas_(std::string(topic));
    state.known.one_ack = state.replicas > 1;
  }
  if (before == state) return;
  {
    const base::MutexLock lock(mutex_);
    topics_.find(topic)->second = state;
  }
  learnt_(topic, state.known);
  if (state.known.one_ack != before.known.one_ack) LogAcks(topic, state);
  if (!before.ever || before.known.bytes_max != state.known.bytes_max) LogSize(topic, config, state);
}

void SizeLimits::LogAcks(std::string_view topic, const State& state) const {
  if (!state.known.one_ack) {
    return log_.Write(LogLevel::kInfo, "kafka", "several replicas acknowledge a topic's events again",
                      {{"topic", topic}});
  }
  log_.Write(LogLevel::kWarn, "kafka", "one replica alone acknowledges a topic's events",
             {{"topic", topic},
              {"replicas", int64_t{state.replicas}},
              {"hint", "min.insync.replicas is 1: set it to 2, for the topic or as the cluster's default"}});
}

void SizeLimits::LogSize(std::string_view topic, const base::Result<TopicConfig>& config,
                         const State& state) const {
  if (state.compressed) return;
  if (config) {
    return log_.Write(LogLevel::kInfo, "kafka", "the largest record that a topic accepts",
                      {{"topic", topic}, {"max_message_bytes", config->message_bytes_max}});
  }
  log_.Write(LogLevel::kInfo, "kafka",
             "a topic's max.message.bytes can't be read: events too large for it become dead letters",
             {{"topic", topic}, {"detail", std::string_view(config.error().message)}});
}

}  // namespace ei::kafka
