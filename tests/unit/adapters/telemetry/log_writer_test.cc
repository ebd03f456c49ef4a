#include "adapters/telemetry/log_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "unit/adapters/telemetry/set_clock.h"

namespace ei::telemetry {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr size_t kPipeBytes = 4096;
constexpr size_t kQueueBytes = 16 * 1024;

std::string Line(int number) {
  return R"({"message":")" + std::string(100, 'x') + R"(","number":)" + std::to_string(number) + "}\n";
}

// The smallest possible pipe, which is read only on request.
class LogWriterTest : public testing::Test {
 protected:
  LogWriterTest() {
    std::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0);
    EXPECT_GE(::fcntl(ends_[1], F_SETPIPE_SZ, kPipeBytes), 0);
  }
  // The write end stays open: a detached writer thread may still use it.
  ~LogWriterTest() override { CloseReader(); }

  std::unique_ptr<LogWriter> NewWriter(base::Duration close_time = 10s) {
    return std::make_unique<LogWriter>(
        ends_[1], clock_, LogWriter::Options{.bytes_max = kQueueBytes, .close_time = close_time});
  }

  void CloseReader() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }

  // Waits for input and returns the lines that it completes.
  std::vector<json> ReadLines() {
    std::vector<json> lines;
    std::array<char, 512> part{};
    const ssize_t size = ::read(ends_[0], part.data(), part.size());
    unread_.append(part.data(), static_cast<size_t>(std::max<ssize_t>(size, 0)));
    for (size_t end; (end = unread_.find('\n')) != std::string::npos; unread_.erase(0, end + 1)) {
      lines.push_back(json::parse(unread_.substr(0, end)));
    }
    return lines;
  }

  // Reads until a line holds `last`.
  std::vector<json> ReadUntil(const std::string& last) {
    std::vector<json> all;
    while (all.empty() || all.back().dump().find(last) == std::string::npos) {
      for (json& line : ReadLines()) all.push_back(std::move(line));
    }
    return all;
  }

  SetClock clock_;
  std::array<int, 2> ends_{-1, -1};
  std::string unread_;
};

TEST_F(LogWriterTest, LoggingDoesNotWaitForAPipeThatIsNotRead) {
  const auto writer = NewWriter(0s);
  for (int i = 0; i < 10'000; ++i) writer->Put(Line(i));  // would block forever
  EXPECT_GE(writer->Dropped(), 10'000 - (kPipeBytes + kQueueBytes) / Line(0).size() - 1);
  EXPECT_FALSE(writer->Flush(10ms));
}

TEST_F(LogWriterTest, DroppedLinesAreCountedInTheirPlaceOnceTheLogFlowsAgain) {
  const auto writer = NewWriter();
  for (int i = 0; i < 1000; ++i) writer->Put(Line(i));
  const uint64_t dropped = writer->Dropped();
  ASSERT_GT(dropped, 0U);

  uint64_t next = 0;
  while (next < 1000) {
    for (const json& line : ReadLines()) {
      if (line.contains("number")) {
        EXPECT_EQ(line["number"], next++);
      } else {
        EXPECT_EQ(line["level"], "warn");
        next += line["lines"].get<uint64_t>();
      }
    }
  }
  EXPECT_EQ(next, 1000U);
  writer->Put(Line(1000));
  EXPECT_EQ(ReadUntil("1000").size(), 1U);
  EXPECT_EQ(writer->Dropped(), dropped);
}

TEST_F(LogWriterTest, TheEndWaitsForASlowReader) {
  auto writer = NewWriter();
  for (int i = 0; i < 60; ++i) writer->Put(Line(i));
  std::thread reader([this] { EXPECT_EQ(ReadUntil("59").size(), 60U); });
  writer.reset();
  reader.join();
}

TEST_F(LogWriterTest, TheEndDoesNotWaitForAReaderThatNeverComes) {
  auto writer = NewWriter(10ms);
  for (int i = 0; i < 60; ++i) writer->Put(Line(i));
  writer.reset();
}

TEST_F(LogWriterTest, APipeThatIsClosedCostsTheLinesAndNothingElse) {
  const auto writer = NewWriter();
  CloseReader();
  for (int i = 0; i < 10; ++i) writer->Put(Line(i));
  EXPECT_TRUE(writer->Flush(10s));
  EXPECT_EQ(writer->Dropped(), 10U);
}

TEST_F(LogWriterTest, ADiskThatWasFullForAWhileLeavesACountAndNoTornLine) {
  const std::string path = testing::TempDir() + "log-writer-" + std::to_string(::getpid());
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  ASSERT_GE(file, 0);
  ::unlink(path.c_str());
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited{};
  ::getrlimit(RLIMIT_FSIZE, &unlimited);
  const rlimit small{.rlim_cur = 200, .rlim_max = unlimited.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  {
    LogWriter writer(file, clock_);
    for (int i = 0; i < 5; ++i) writer.Put(Line(i));
    EXPECT_TRUE(writer.Flush(10s));
    EXPECT_EQ(writer.Dropped(), 4U);
    ::setrlimit(RLIMIT_FSIZE, &unlimited);
    writer.Put(Line(5));
  }
  std::signal(SIGXFSZ, SIG_DFL);
  std::string content(4096, '\0');
  content.resize(static_cast<size_t>(::pread(file, content.data(), content.size(), 0)));
  ::close(file);
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = content.find('\n', begin);
    lines.push_back(content.substr(begin, end - begin));
    begin = end + 1;
  }
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(json::parse(lines[0])["number"], 0);
  EXPECT_FALSE(json::accept(lines[1]));  // cut short by the full disk
  EXPECT_EQ(json::parse(lines[2])["lines"], 4);
  EXPECT_EQ(json::parse(lines[3])["number"], 5);
}

TEST_F(LogWriterTest, LinesOfManyThreadsStayWholeAndInOrder) {
  const auto writer = NewWriter();
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 30; ++i) writer->Put(Line(100 * t + i));
    });
  }
  std::thread ender([&] {
    for (auto& thread : threads) thread.join();
    writer->Put("\"end\"\n");
  });
  std::vector<int> next(4, 0);
  for (const json& line : ReadUntil("end")) {
    if (!line.is_object()) continue;
    const int number = line["number"];
    EXPECT_EQ(number % 100, next[static_cast<size_t>(number / 100)]++);
  }
  ender.join();
  EXPECT_EQ(next, std::vector<int>(4, 30));
}

}  // namespace
}  // namespace ei::telemetry
