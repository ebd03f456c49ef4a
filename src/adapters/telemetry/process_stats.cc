#include "adapters/telemetry/process_stats.h"

#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

namespace ei::telemetry {

namespace {

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Returns field `number` of /proc/self/stat, numbered as in proc(5), from the third on. The second field is
// the program's name in parentheses and may itself contain spaces and parentheses, so counting starts after
// the last closing parenthesis.
std::optional<uint64_t> StatField(std::string_view stat, int number) {
  constexpr int kFirstAfterName = 3;
  const size_t name_end = stat.rfind(") ");
  if (name_end == std::string_view::npos) return std::nullopt;
  stat.remove_prefix(name_end + 2);
  for (int field = kFirstAfterName; field < number; ++field) {
    const size_t space = stat.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    stat.remove_prefix(space + 1);
  }
  return ParseNumber(stat.substr(0, stat.find_first_of(" \n")));
}

// Returns the content of /proc/self/stat; empty if it can't be read.
std::string ReadStat(const std::filesystem::path& proc) {
  std::string stat;
  std::ifstream file(proc / "self" / "stat");
  std::getline(file, stat, '\0');
  return stat;
}

std::optional<uint64_t> BootTimeSeconds(const std::filesystem::path& proc) {
  constexpr std::string_view kName = "btime ";
  std::ifstream file(proc / "stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(kName)) return ParseNumber(std::string_view(line).substr(kName.size()));
  }
  return std::nullopt;
}

// Uses getrusage, because stat counts in ticks of 10 ms.
std::optional<double> CpuSeconds() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return std::nullopt;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::optional<double> OpenFds(const std::filesystem::path& proc) {
  std::error_code fault;
  uint64_t count = 0;
  for (std::filesystem::directory_iterator entry(proc / "self" / "fd", fault), end; !fault && entry != end;
       entry.increment(fault)) {
    ++count;
  }
  // Reading the folder needs a descriptor, which is one of the entries.
  if (fault || count == 0) return std::nullopt;
  return static_cast<double>(count - 1);
}

std::optional<double> MaxFds() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  if (limit.rlim_cur == RLIM_INFINITY) return std::numeric_limits<double>::infinity();
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace

ProcessStats ReadProcessStats(const std::filesystem::path& proc) {
  constexpr int kThreads = 20;
  constexpr int kStartTicks = 22;
  constexpr int kResidentPages = 24;

  const std::string stat = ReadStat(proc);

  ProcessStats stats;
  stats.cpu_seconds = CpuSeconds();
  stats.open_fds = OpenFds(proc);
  stats.max_fds = MaxFds();
  if (const auto threads = StatField(stat, kThreads)) stats.threads = static_cast<double>(*threads);
  if (const auto pages = StatField(stat, kResidentPages)) {
    stats.resident_bytes = static_cast<double>(*pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
  }
  const auto boot = BootTimeSeconds(proc);
  const auto ticks = StatField(stat, kStartTicks);
  if (boot && ticks) {
    stats.start_time_seconds =
        static_cast<double>(*boot) + static_cast<double>(*ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  return stats;
}

}  // namespace ei::telemetry
