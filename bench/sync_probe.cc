// Measures a small write and its fdatasync on a disk, as a write-ahead log makes them: one after the other
// into a file that was filled with zeros before. Prints one JSON object.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/latency_histogram.h"

namespace ei::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct ProbeSettings {
  std::string file;
  std::chrono::duration<double> duration{};
  std::uint64_t write_bytes = 4096;
  std::uint64_t file_bytes = std::uint64_t{32} << 20;
};

base::Result<void> Fault(const char* what) {
  return base::Fail(base::ErrorKind::kStorage, std::string(what) + ": " + std::strerror(errno));
}

class ProbeFile {
 public:
  explicit ProbeFile(const std::string& path)
      : path_(path), fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {}
  ~ProbeFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(path_.c_str());
  }
  ProbeFile(const ProbeFile&) = delete;
  ProbeFile& operator=(const ProbeFile&) = delete;

  bool IsOpen() const { return fd_ >= 0; }
  bool Write(const std::vector<char>& bytes, std::uint64_t at) {
    return ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(at)) ==
           static_cast<ssize_t>(bytes.size());
  }
  bool Sync() { return ::fdatasync(fd_) == 0; }

 private:
  std::string path_;
  int fd_;
};

base::Result<void> Probe(const ProbeSettings& settings) {
  ProbeFile file(settings.file);
  if (!file.IsOpen()) return Fault(settings.file.c_str());
  const std::uint64_t writes = settings.file_bytes / settings.write_bytes;
  std::vector<char> bytes(settings.write_bytes);
  for (std::uint64_t i = 0; i < writes; ++i) {
    if (!file.Write(bytes, i * bytes.size())) return Fault("can't fill the file");
  }
  if (!file.Sync()) return Fault("can't sync the file");

  LatencyHistogram taken;
  const auto end = Clock::now() + settings.duration;
  for (std::uint64_t n = 0; Clock::now() < end; ++n) {
    std::memset(bytes.data(), static_cast<int>('a' + n % 26), bytes.size());
    const auto began = Clock::now();
    if (!file.Write(bytes, n % writes * bytes.size())) return Fault("can't write");
    if (!file.Sync()) return Fault("can't sync");
    taken.Record(Clock::now() - began);
  }
  const auto us = [](std::chrono::nanoseconds value) { return static_cast<double>(value.count()) / 1000; };
  fmt::print(R"({{"syncs":{},"p50_us":{:.1f},"p90_us":{:.1f},"p99_us":{:.1f},"max_us":{:.1f}}})"
             "\n",
             taken.Count(), us(taken.Percentile(0.50)), us(taken.Percentile(0.90)),
             us(taken.Percentile(0.99)), us(taken.Max()));
  return {};
}

int Main(int argc, char** argv) {
  ProbeSettings settings;
  double seconds = 3;
  CLI::App app("What one small write and its fdatasync take");
  app.add_option("--file", settings.file, "created, and removed at the end")->required();
  app.add_option("--seconds", seconds)->check(CLI::Range(0.1, 600.0))->capture_default_str();
  app.add_option("--write-bytes", settings.write_bytes)->check(CLI::Range(1, 1 << 20))->capture_default_str();
  app.add_option("--file-bytes", settings.file_bytes)
      ->check(CLI::Range(1 << 20, 1 << 30))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  settings.duration = std::chrono::duration<double>(seconds);
  const auto probed = Probe(settings);
  if (probed) return 0;
  fmt::print(stderr, "sync_probe: {}\n", probed.error().message);
  return 1;
}

}  // namespace
}  // namespace ei::bench

int main(int argc, char** argv) { return ei::bench::Main(argc, argv); }
