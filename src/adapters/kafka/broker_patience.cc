#include "adapters/kafka/broker_patience.h"

#include <string>

namespace ei::kafka {

namespace {

// Their inner topics can't be made with fewer brokers than these ask for, and then nothing but this shows it.
constexpr std::string_view kHint =
    "on a small cluster: offsets.topic.replication.factor and transaction.state.log.replication.factor may "
    "ask for more brokers than there are";

int64_t Seconds(base::Duration time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time).count();
}

}  // namespace

base::Result<void> BrokerPatience::OnFailure(std::string_view call, std::string_view detail) {
  const base::SteadyTime now = clock_.Now();
  if (!began_) began_ = told_ = now;
  const base::Duration waited = now - *began_;
  if (waited >= kMax) {
    return base::Fail(base::ErrorKind::kUnavailable, "gave up after " + std::to_string(Seconds(waited)) +
                                                         " s: " + std::string(call) + ": " +
                                                         std::string(detail) + "; " + std::string(kHint));
  }
  if (now - told_ >= kTellEvery) {
    told_ = now;
    log_.Write(app::LogLevel::kWarn, "kafka", "still waiting for the brokers",
               {{"call", call}, {"detail", detail}, {"waited_s", Seconds(waited)}, {"hint", kHint}});
  }
  return {};
}

}  // namespace ei::kafka
