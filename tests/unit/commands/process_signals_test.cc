#include "commands/process_signals.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include <unistd.h>

#include "base/time.h"

namespace ei::service {
namespace {

using namespace std::chrono_literals;

// ProcessSignals blocks signals for the thread that makes it, which here goes on to other tests.
class ProcessSignalsTest : public testing::Test {
 protected:
  ProcessSignalsTest() { pthread_sigmask(SIG_SETMASK, nullptr, &before_); }
  ~ProcessSignalsTest() override { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  static base::Duration Measure(ProcessSignals& signals, std::chrono::milliseconds timeout) {
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(signals.Wait(timeout), std::nullopt);
    return std::chrono::steady_clock::now() - began;
  }

 private:
  sigset_t before_{};
};

TEST_F(ProcessSignalsTest, AnInterruptEndsOneWaitAndNotAllThatFollow) {
  ProcessSignals signals;
  signals.Interrupt();
  signals.Interrupt();
  EXPECT_LT(Measure(signals, 30s), 10s);
  EXPECT_GE(Measure(signals, 50ms), 50ms);
}

TEST_F(ProcessSignalsTest, AnInterruptEndsTheWaitUnderWay) {
  ProcessSignals signals;
  std::thread other([&] { signals.Interrupt(); });
  EXPECT_LT(Measure(signals, 30s), 10s);
  other.join();
}

TEST_F(ProcessSignalsTest, ASignalBesideAnInterruptIsNotLost) {
  ProcessSignals signals;
  signals.Interrupt();
  ::kill(::getpid(), SIGHUP);
  EXPECT_EQ(signals.Wait(30s), SIGHUP);
  EXPECT_GE(Measure(signals, 50ms), 50ms);
}

}  // namespace
}  // namespace ei::service
