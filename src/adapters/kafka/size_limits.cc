#include "adapters/kafka/size_limits.h"

#include <utility>

namespace ei::kafka {

namespace {

constexpr auto kPause = std::chrono::seconds(1);
constexpr auto kRound = std::chrono::minutes(1);

}  // namespace

void SizeLimits::Watch(std::string_view topic, bool compressed) {
  {
    const base::MutexLock lock(mutex_);
    if (!topics_.try_emplace(std::string(topic), Told{compressed}).second) return;
    soon_ = true;
  }
  if (compressed) learnt_(topic, {});
}

void SizeLimits::AskSoon() {
  const base::MutexLock lock(mutex_);
  soon_ = true;
}

std::vector<std::string> SizeLimits::Topics() const {
  std::vector<std::string> topics;
  topics.reserve(topics_.size());
  for (const auto& [topic, _] : topics_) topics.push_back(topic);
  return topics;
}

std::vector<std::string> SizeLimits::TopicsToAsk(base::SteadyTime now) {
  if (awaited_) return {};
  const base::MutexLock lock(mutex_);
  const base::Duration pause = soon_ ? base::Duration(kPause) : kRound;
  if (topics_.empty() || (asked_at_ && now < *asked_at_ + pause)) return {};
  soon_ = false;
  asked_at_ = now;
  awaited_ = true;
  return Topics();
}

base::SteadyTime SizeLimits::NextAsk() {
  const base::MutexLock lock(mutex_);
  if (awaited_ || topics_.empty()) return base::SteadyTime::max();
  if (!asked_at_) return {};
  return *asked_at_ + (soon_ ? base::Duration(kPause) : kRound);
}

void SizeLimits::OnAnswer(const TopicConfigAnswer& answer) {
  awaited_ = false;
  if (answer) {
    for (const auto& [topic, config] : *answer) Take(topic, config);
    return;
  }
  std::vector<std::string> topics;
  {
    const base::MutexLock lock(mutex_);
    topics = Topics();
  }
  for (const std::string& topic : topics) Take(topic, std::unexpected(answer.error()));
}

void SizeLimits::Take(std::string_view topic, const base::Result<TopicConfig>& config) {
  if (!config && config.error().kind == base::ErrorKind::kUnavailable) return AskSoon();
  Told before;
  {
    const base::MutexLock lock(mutex_);
    const auto known = topics_.find(topic);
    if (known == topics_.end()) return;
    before = known->second;
  }
  Told told{.compressed = before.compressed, .ever = true, .replicas = before.replicas};
  if (config && !told.compressed) told.known.bytes_max = config->message_bytes_max;
  told.known.compacted = config && config->compacted;
  if (config && config->in_sync_min == 1) {
    if (told.replicas == 0) told.replicas = replicas_(std::string(topic));
    told.known.one_ack = told.replicas > 1;
  }
  if (before == told) return;
  {
    const base::MutexLock lock(mutex_);
    topics_.find(topic)->second = told;
  }
  learnt_(topic, told.known);
  if (told.known.one_ack != before.known.one_ack) TellOfAcks(topic, told);
  if (!before.ever || before.known.bytes_max != told.known.bytes_max) TellOfSize(topic, config, told);
}

void SizeLimits::TellOfAcks(std::string_view topic, const Told& told) const {
  if (!told.known.one_ack) {
    return log_.Write(LogLevel::kInfo, "kafka", "a topic's acknowledgement means several replicas again",
                      {{"topic", topic}});
  }
  log_.Write(LogLevel::kWarn, "kafka", "one replica alone acknowledges a topic's events",
             {{"topic", topic},
              {"replicas", int64_t{told.replicas}},
              {"hint", "min.insync.replicas is 1: set it to 2, for the topic or as the cluster's default"}});
}

void SizeLimits::TellOfSize(std::string_view topic, const base::Result<TopicConfig>& config,
                            const Told& told) const {
  if (told.compressed) return;
  if (config) {
    return log_.Write(LogLevel::kInfo, "kafka", "the largest record that a topic takes",
                      {{"topic", topic}, {"max_message_bytes", config->message_bytes_max}});
  }
  log_.Write(LogLevel::kInfo, "kafka",
             "a topic's max.message.bytes can't be read: events too large for it become dead letters",
             {{"topic", topic}, {"detail", std::string_view(config.error().message)}});
}

}  // namespace ei::kafka
