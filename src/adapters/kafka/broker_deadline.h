#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"

namespace ei::kafka {

// How long a command waits for brokers that don't answer as they should: it says so every ten seconds, and
// after two minutes without any answer it gives up. One thread.
class BrokerDeadline {
 public:
  static constexpr base::Duration kTellEvery = std::chrono::seconds(10);
  static constexpr base::Duration kMax = std::chrono::minutes(2);

  // `hint`: what an operator may look at. Clock and log outlive this, and the hint's text.
  BrokerDeadline(const ei::Clock& clock, Log& log, std::string_view hint)
      : clock_(clock), log_(log), hint_(hint) {}

  // A call has failed in a way that may pass. Fails, with kUnavailable, when it is enough.
  base::Result<void> OnFailure(std::string_view call, std::string_view detail);

  void OnAnswer() { began_.reset(); }

 private:
  const ei::Clock& clock_;
  Log& log_;
  const std::string_view hint_;
  std::optional<base::SteadyTime> began_;
  base::SteadyTime told_;
};

}  // namespace ei::kafka
