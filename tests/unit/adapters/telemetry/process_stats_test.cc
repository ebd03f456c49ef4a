#include "adapters/telemetry/process_stats.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <system_error>

namespace ei::telemetry {
namespace {

// A proc file system of files that the test writes.
class ProcessStatsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = (std::filesystem::temp_directory_path() / "proc-XXXXXX").string();
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    proc_ = path;
    std::filesystem::create_directory(proc_ / "self");
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(proc_, ignored);
  }
  void Write(const std::string& name, const std::string& content) { std::ofstream(proc_ / name) << content; }

  std::filesystem::path proc_;
};

TEST_F(ProcessStatsTest, WhatCannotBeReadIsMissing) {
  const ProcessStats stats = ReadProcessStats(proc_ / "nowhere");
  EXPECT_FALSE(stats.resident_bytes.has_value());
  EXPECT_FALSE(stats.threads.has_value());
  EXPECT_FALSE(stats.open_fds.has_value());
  EXPECT_FALSE(stats.start_time_seconds.has_value());
}

TEST_F(ProcessStatsTest, AMangledStatIsMissing) {
  for (const char* stat :
       {"", "1 (x", "1 (x) S 1 2", "1 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 a b c d e f",
        "1 (x) S 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 99999999999999999999999 0 99999999999999999999999"
        " 1 99999999999999999999999\n"}) {
    Write("self/stat", stat);
    const ProcessStats stats = ReadProcessStats(proc_);
    EXPECT_FALSE(stats.resident_bytes.has_value()) << stat;
    EXPECT_FALSE(stats.threads.has_value()) << stat;
    EXPECT_FALSE(stats.start_time_seconds.has_value()) << stat;
  }
}

TEST_F(ProcessStatsTest, AProgramsNameMayLookLikeFields) {
  Write(
      "self/stat",
      "77 (a) S 1 (b c) R 1 77 77 0 -1 4194304 100 0 0 0 12 34 0 0 20 0 9 0 4200 1000000 321 18446744073709551615\n");
  Write("stat", "cpu  1 2 3\nintr 5 6\nbtime 1700000000\nprocesses 3\n");
  const ProcessStats stats = ReadProcessStats(proc_);
  EXPECT_EQ(stats.threads, 9);
  EXPECT_EQ(stats.resident_bytes, 321.0 * static_cast<double>(sysconf(_SC_PAGESIZE)));
  EXPECT_EQ(stats.start_time_seconds, 1.7e9 + 4200.0 / static_cast<double>(sysconf(_SC_CLK_TCK)));
}

// Counted one by one, without opening anything.
int OpenFdsOneByOne() {
  int open_fds = 0;
  for (int fd = 0; fd < 65'536; ++fd) open_fds += fcntl(fd, F_GETFD) == -1 ? 0 : 1;
  return open_fds;
}

TEST_F(ProcessStatsTest, OpenFilesAreCounted) {
  const auto before = ReadProcessStats().open_fds;
  EXPECT_EQ(before, OpenFdsOneByOne());
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  const auto after = ReadProcessStats().open_fds;
  ASSERT_EQ(close(fd), 0);
  ASSERT_TRUE(before.has_value() && after.has_value());
  EXPECT_EQ(*after, *before + 1);
}

TEST_F(ProcessStatsTest, ThisProcessHasAllNumbersAndUsesCpu) {
  const ProcessStats first = ReadProcessStats();
  EXPECT_GT(first.resident_bytes.value_or(0), 1e5);
  EXPECT_GE(first.threads.value_or(0), 1);
  EXPECT_GT(first.max_fds.value_or(0), 3);
  EXPECT_GT(first.start_time_seconds.value_or(0), 1.6e9);
  ASSERT_TRUE(first.cpu_seconds.has_value());
  double cpu = *first.cpu_seconds;
  while (cpu <= *first.cpu_seconds) cpu = ReadProcessStats().cpu_seconds.value();
  EXPECT_LT(cpu, *first.cpu_seconds + 60);
}

}  // namespace
}  // namespace ei::telemetry
