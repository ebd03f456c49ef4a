#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/file_sink/file_sink.h"
#include "support/recording_log.h"
#include "support/temp_folder.h"
#include "support/virtual_clock.h"

namespace ei::file_sink {

using support::ReadFile;
using support::RecordingLog;
using support::TempFolder;
using support::WriteFile;

// The paths of the segments of this kind, oldest first.
inline std::vector<std::filesystem::path> Segments(const std::filesystem::path& folder,
                                                   std::string_view prefix = "events-") {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with(prefix)) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// All lines of this kind in order. A last line without its end is given with "<torn>" behind it.
inline std::vector<std::string> StoredLines(const std::filesystem::path& folder,
                                            std::string_view prefix = "events-") {
  std::vector<std::string> lines;
  for (const auto& path : Segments(folder, prefix)) {
    const std::string bytes = ReadFile(path);
    size_t begin = 0;
    for (size_t end = 0; (end = bytes.find('\n', begin)) != std::string::npos; begin = end + 1) {
      lines.push_back(bytes.substr(begin, end - begin));
    }
    if (begin < bytes.size()) lines.push_back(bytes.substr(begin) + "<torn>");
  }
  return lines;
}

class CollectingListener final : public app::DeliveryListener {
 public:
  void OnReports(std::span<app::DeliveryReport> given) override {
    reports.insert(reports.end(), given.begin(), given.end());
  }
  std::vector<app::DeliveryReport> reports;
};

// The sink in a folder of its own, with one lane attached.
class FileSinkTest : public testing::Test {
 protected:
  base::Result<void> Open(FileCalls& calls = RealFileCalls()) {
    sink_.reset();
    auto opened = FileSink::Open({folder_.string(), segment_bytes_}, log_, clock_, calls);
    if (!opened) return std::unexpected(opened.error());
    sink_ = std::move(*opened);
    sink_->Attach(0, listener_);
    return {};
  }

  // Sends the values in one call; returns its reports. Tokens are 0, 1, ...
  std::vector<app::DeliveryReport> Send(const std::vector<std::string>& values) {
    std::vector<app::OutboundEvent> events(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      events[i].token = i;
      events[i].value = values[i];
    }
    listener_.reports.clear();
    sink_->Send(0, events, app::Grouping::kTogether, 0);
    EXPECT_EQ(listener_.reports.size(), values.size());
    for (size_t i = 0; i < listener_.reports.size(); ++i) EXPECT_EQ(listener_.reports[i].token, i);
    return listener_.reports;
  }

  // Whether all were reported as delivered.
  bool Delivered(const std::vector<std::string>& values) {
    const auto reports = Send(values);
    return std::all_of(reports.begin(), reports.end(),
                       [](const auto& report) { return report.verdict == app::Verdict::kDelivered; });
  }

  std::vector<std::string> Lines() const { return StoredLines(folder_); }

  TempFolder parent_;
  std::filesystem::path folder_ = parent_.Path() / "events";
  uint64_t segment_bytes_ = 1 << 20;
  RecordingLog log_;
  support::VirtualClock clock_;
  CollectingListener listener_;
  std::unique_ptr<FileSink> sink_;
};

}  // namespace ei::file_sink
