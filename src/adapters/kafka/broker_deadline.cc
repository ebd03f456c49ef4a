#include "adapters/kafka/broker_deadline.h"

#include <string>

namespace ei::kafka {

namespace {

int64_t Seconds(base::Duration time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time).count();
}

}  // namespace

base::Result<void> BrokerDeadline::OnFailure(std::string_view call, std::string_view detail) {
  const base::SteadyTime now = clock_.Now();
  if (!failing_since_) failing_since_ = logged_at_ = now;
  const base::Duration waited = now - *failing_since_;
  if (waited >= kMax) {
    return base::Fail(base::ErrorKind::kUnavailable, "gave up after " + std::to_string(Seconds(waited)) +
                                                         " s: " + std::string(call) + ": " +
                                                         std::string(detail) + "; " + std::string(hint_));
  }
  if (now - logged_at_ >= kLogInterval) {
    logged_at_ = now;
    log_.Write(LogLevel::kWarn, "kafka", "still waiting for the brokers",
               {{"call", call}, {"detail", detail}, {"waited_s", Seconds(waited)}, {"hint", hint_}});
  }
  return {};
}

}  // namespace ei::kafka
