#include "adapters/telemetry/json_log.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "unit/adapters/telemetry/set_clock.h"

namespace ei::telemetry {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using std::string_view_literals::operator""sv;

class JsonLogTest : public testing::Test {
 protected:
  std::unique_ptr<JsonLog> NewLog(LogLevel lowest = LogLevel::kInfo) {
    return std::make_unique<JsonLog>(clock_, lowest, [this](std::string_view line) {
      ASSERT_TRUE(line.ends_with('\n'));
      line.remove_suffix(1);
      EXPECT_EQ(line.find('\n'), std::string_view::npos);
      lines_.push_back(json::parse(line));
    });
  }

  SetClock clock_;
  std::vector<json> lines_;
};

TEST_F(JsonLogTest, RepeatedErrorsAreSummarisedWhenTheNextLineComesLater) {
  const auto log = NewLog();
  for (int i = 0; i < 1000; ++i) {
    log->Write(LogLevel::kError, "kafka", "delivery failed", {{"attempt", int64_t{i}}});
  }
  ASSERT_EQ(lines_.size(), 5U);
  EXPECT_EQ(lines_[4]["attempt"], 4);
  EXPECT_EQ(log->SuppressedLines(), 995U);

  clock_.Pass(10s);
  log->Write(LogLevel::kInfo, "main", "still here");
  ASSERT_EQ(lines_.size(), 7U);
  EXPECT_EQ(lines_[5]["level"], "error");
  EXPECT_EQ(lines_[5]["component"], "kafka");
  EXPECT_EQ(lines_[5]["message"], "delivery failed");
  EXPECT_EQ(lines_[5]["repeated"], 995);
  EXPECT_EQ(lines_[6]["message"], "still here");
}

TEST_F(JsonLogTest, SummariesComeAlsoWhenNothingElseIsLogged) {
  const auto log = NewLog();
  for (int i = 0; i < 7; ++i) log->Write(LogLevel::kWarn, "kafka", "slow");
  log->WriteDueSummaries();
  ASSERT_EQ(lines_.size(), 5U);
  clock_.Pass(10s);
  log->WriteDueSummaries();
  log->WriteDueSummaries();
  ASSERT_EQ(lines_.size(), 6U);
  EXPECT_EQ(lines_[5]["repeated"], 2);
}

TEST_F(JsonLogTest, SummariesThatAreStillToComeAreWrittenAtTheEnd) {
  auto log = NewLog();
  for (int i = 0; i < 6; ++i) log->Write(LogLevel::kWarn, "kafka", "slow");
  log.reset();
  ASSERT_EQ(lines_.size(), 6U);
  EXPECT_EQ(lines_[5]["repeated"], 1);
}

TEST_F(JsonLogTest, OnlyWarningsAndErrorsAreSummarised) {
  const auto log = NewLog(LogLevel::kDebug);
  for (int i = 0; i < 20; ++i) {
    log->Write(LogLevel::kDebug, "test", "step");
    log->Write(LogLevel::kInfo, "test", "done");
  }
  EXPECT_EQ(lines_.size(), 40U);
  EXPECT_EQ(log->SuppressedLines(), 0U);
}

TEST_F(JsonLogTest, LinesBelowTheLevelAreLeftOut) {
  const auto log = NewLog(LogLevel::kWarn);
  log->Write(LogLevel::kDebug, "test", "debug");
  log->Write(LogLevel::kInfo, "test", "info");
  log->Write(LogLevel::kWarn, "test", "warn");
  log->Write(LogLevel::kError, "test", "error");
  ASSERT_EQ(lines_.size(), 2U);
  EXPECT_EQ(lines_[0]["level"], "warn");
  EXPECT_EQ(lines_[1]["level"], "error");
}

TEST_F(JsonLogTest, ThreadsDoNotMixTheirLines) {
  constexpr int kThreads = 4;
  constexpr int kLines = 500;
  const auto log = NewLog();
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&log, t] {
      for (int i = 0; i < kLines; ++i) {
        log->Write(LogLevel::kInfo, "test", "counted", {{"thread", int64_t{t}}, {"line", int64_t{i}}});
        log->Write(LogLevel::kError, "test", "failed");
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(lines_.size(), kThreads * kLines + 5U);
  EXPECT_EQ(log->SuppressedLines(), kThreads * kLines - 5U);
  std::vector<int> next(kThreads, 0);
  for (const json& line : lines_) {
    if (line["message"] == "counted") {
      EXPECT_EQ(line["line"], next[line["thread"].get<size_t>()]++);
    }
  }
}

TEST_F(JsonLogTest, ALineHasTheTimeOfTheClockAndItsFields) {
  const auto log = NewLog();
  clock_.Pass(1ms);
  log->Write(LogLevel::kInfo, "http", "listening", {{"port", uint64_t{8080}}, {"address", "127.0.0.1"sv}});
  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_EQ(lines_[0], (json{{"level", "info"},
                             {"time", "2026-02-02T02:40:00.001Z"},
                             {"component", "http"},
                             {"message", "listening"},
                             {"port", 8080},
                             {"address", "127.0.0.1"}}));
}

}  // namespace
}  // namespace ei::telemetry
