#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"

namespace ei::kafka {

// Limits how long a command waits for brokers that don't answer or answer with errors. Logs a warning every
// 10 s and gives up when no call has succeeded for 2 minutes. One thread.
class BrokerDeadline {
 public:
  static constexpr base::Duration kLogInterval = std::chrono::seconds(10);
  static constexpr base::Duration kMax = std::chrono::minutes(2);

  // `hint` is advice for the operator, for log lines and the error. Clock, log and the text of `hint` must
  // outlive this object.
  BrokerDeadline(const ei::Clock& clock, Log& log, std::string_view hint)
      : clock_(clock), log_(log), hint_(hint) {}

  // To be called when a call failed with an error that a retry may solve. Returns kUnavailable when kMax has
  // passed since the first failure in a row.
  base::Result<void> OnFailure(std::string_view call, std::string_view detail);

  void OnAnswer() { failing_since_.reset(); }

 private:
  const ei::Clock& clock_;
  Log& log_;
  const std::string_view hint_;
  std::optional<base::SteadyTime> failing_since_;
  base::SteadyTime logged_at_;
};

}  // namespace ei::kafka
