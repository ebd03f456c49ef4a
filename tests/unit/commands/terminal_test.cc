#include "commands/terminal.h"

#include <gtest/gtest.h>

#include <sstream>

#include "support/virtual_clock.h"

namespace ei::service {
namespace {

using ei::LogLevel;
using std::chrono::milliseconds;
using std::chrono::seconds;

class TerminalTest : public testing::Test {
 protected:
  support::VirtualClock clock_;
  std::ostringstream out_;
};

TEST_F(TerminalTest, ProgressIsRedrawnInPlace) {
  Terminal terminal(out_, true, clock_);
  for (const char* line : {"one", "too soon", "two"}) {
    clock_.Advance(milliseconds(out_.str().empty() || line == std::string("two") ? 100 : 10));
    terminal.ShowProgress(line);
  }
  terminal.EndProgress();
  EXPECT_EQ(out_.str(), "one\r\x1b[Ktwo\r\x1b[K");
}

TEST_F(TerminalTest, ElsewhereItIsALineFromTimeToTime) {
  Terminal terminal(out_, false, clock_);
  terminal.ShowProgress("too soon");
  clock_.Advance(seconds(10));
  terminal.ShowProgress("one");
  terminal.ShowProgress("too soon");
  terminal.EndProgress();
  EXPECT_EQ(out_.str(), "one\n");
}

TEST_F(TerminalTest, FaultsAreLinesOfTheirOwnAndNotRepeated) {
  Terminal terminal(out_, true, clock_);
  clock_.Advance(seconds(1));
  terminal.ShowProgress("[##");
  terminal.Write(LogLevel::kWarn, "kafka", "waiting",
                 {{"code", std::string_view("down\n")}, {"tries", uint64_t{3}}});
  terminal.Write(LogLevel::kWarn, "kafka", "waiting", {});
  terminal.Write(LogLevel::kInfo, "kafka", "not shown", {});
  clock_.Advance(seconds(10));
  terminal.Write(LogLevel::kError, "kafka", "waiting", {{"detail", std::string_view()}});
  EXPECT_EQ(out_.str(),
            "[##\r\x1b[Kevent-ingestor: waiting: code down\\x0a, tries 3\nevent-ingestor: waiting\n");
}

TEST(ProgressText, SaysHowFarHowFastAndHowLong) {
  EXPECT_EQ(ProgressText(50, 100, 1200, seconds(2)),
            "[###############---------------]  50 %, 1,200 sent back, 600/s, 2s left");
  EXPECT_EQ(ProgressText(100, 100, 7, seconds(1)),
            "[##############################] 100 %, 7 sent back, 7/s");
  EXPECT_EQ(ProgressText(0, 0, 0, seconds(0)), "[##############################] 100 %, 0 sent back");
  EXPECT_EQ(ProgressText(0, 10, 0, seconds(1)), "[------------------------------]   0 %, 0 sent back, 0/s");
}

}  // namespace
}  // namespace ei::service
