#include "adapters/kafka/size_limits.h"

namespace ei::kafka {

namespace {

constexpr auto kPause = std::chrono::seconds(1);
constexpr auto kRound = std::chrono::minutes(1);

}  // namespace

void SizeLimits::Watch(std::string_view topic, bool compressed) {
  if (compressed) return learnt_(topic, std::nullopt);
  const base::MutexLock lock(mutex_);
  if (topics_.try_emplace(std::string(topic)).second) soon_ = true;
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

void SizeLimits::OnAnswer(const MessageBytesMaxAnswer& answer) {
  awaited_ = false;
  if (answer) {
    for (const auto& [topic, bytes_max] : *answer) Take(topic, bytes_max);
    return;
  }
  std::vector<std::string> topics;
  {
    const base::MutexLock lock(mutex_);
    topics = Topics();
  }
  for (const std::string& topic : topics) Take(topic, std::unexpected(answer.error()));
}

void SizeLimits::Take(std::string_view topic, const base::Result<uint64_t>& bytes_max) {
  if (!bytes_max && bytes_max.error().kind == base::ErrorKind::kUnavailable) return;
  const Told told{true, bytes_max ? std::optional(*bytes_max) : std::nullopt};
  {
    const base::MutexLock lock(mutex_);
    const auto known = topics_.find(topic);
    if (known == topics_.end() || known->second == told) return;
    known->second = told;
  }
  learnt_(topic, told.bytes_max);
  if (bytes_max) {
    return log_.Write(app::LogLevel::kInfo, "kafka", "the largest record that a topic takes",
                      {{"topic", topic}, {"max_message_bytes", *bytes_max}});
  }
  log_.Write(app::LogLevel::kInfo, "kafka",
             "a topic's max.message.bytes can't be read: events too large for it become dead letters",
             {{"topic", topic}, {"detail", std::string_view(bytes_max.error().message)}});
}

}  // namespace ei::kafka
