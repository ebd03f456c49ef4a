#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <ranges>
#include <string>
#include <vector>

#include "adapters/file_sink/file_sink.h"
#include "support/recording_log.h"
#include "support/recording_telemetry.h"
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

// All lines of this kind in order. A last line without a line break is returned with "<torn>" after it.
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

// Records the reports of a lane in order.
class CollectingListener final : public DeliveryListener {
 public:
  void OnDelivered(const SettledEvents& delivered) override {
    EXPECT_FALSE(delivered.positions.empty());
    positions.insert(positions.end(), delivered.positions.begin(), delivered.positions.end());
    runs.insert(runs.end(), delivered.runs.begin(), delivered.runs.end());
    ++calls;
    on_delivered();
  }
  void OnRejected(const RejectedEvent& rejected) override {
    ADD_FAILURE() << "rejected: " << rejected.position;
  }
  void OnDeadLetter(const DeadLetterReport& report) override {
    EXPECT_EQ(report.result, DeadLetterResult::kWritten);
    EXPECT_EQ(report.code, "");
    EXPECT_EQ(report.reason, "");
    dead_letters.push_back(report.token);
  }

  std::vector<uint64_t> positions;
  std::vector<EventRun> runs;
  uint64_t calls = 0;  // of OnDelivered
  std::vector<uint64_t> dead_letters;
  std::function<void()> on_delivered = [] {};
};

// The sink in a separate folder; the listener is attached to its lane 0.
class FileSinkTest : public testing::Test {
 protected:
  static constexpr base::Duration kBackoffMax = std::chrono::seconds(10);

  // Events that an earlier sink did not deliver are dropped with it.
  base::Result<void> Open(system::FileCalls& calls = system::RealFileCalls()) {
    sink_.reset();
    listener_ = {};
    added_ = 0;
    auto opened =
        FileSink::Open({.directory = folder_.string(), .segment_bytes = segment_bytes_, .lanes = lanes_},
                       log_, clock_, telemetry_, calls);
    if (!opened) return std::unexpected(opened.error());
    sink_ = std::move(*opened);
    sink_->Lane(0).Attach(listener_, nullptr);
    return {};
  }

  SinkLane& Lane() { return sink_->Lane(0); }

  // Adds the values as one request. Positions are 0, 1, ...
  void Add(const std::vector<std::string>& values) {
    for (const std::string& value : values) Lane().Add(EventOf(value, added_++));
  }

  static JournalEvent EventOf(std::string_view value, uint64_t position) {
    JournalEvent event;
    event.value = value;
    event.position = position;
    event.held_bytes = static_cast<uint32_t>(value.size());
    return event;
  }

  void AddDeadLetter(uint64_t token, std::string_view value) {
    EventView event;
    event.value = value;
    Lane().AddDeadLetter(token, event, {"code", "reason", 1, {}});
  }

  void RunOnce() { Lane().Run(base::SteadyTime::min()); }

  // As RunOnce, after the longest back-off.
  void RunLater() {
    clock_.Advance(kBackoffMax);
    RunOnce();
  }

  // Whether no event waits: each was reported once, in order.
  bool AllDelivered() const {
    for (size_t i = 0; i < listener_.positions.size(); ++i) EXPECT_EQ(listener_.positions[i], i);
    return listener_.positions.size() == added_;
  }

  bool Delivered(const std::vector<std::string>& values) {
    Add(values);
    RunOnce();
    return AllDelivered();
  }

  bool DeliveredLater() {
    RunLater();
    return AllDelivered();
  }

  // Adds the values and writes without success, at a time when a log line is due; returns that line.
  std::string FaultOf(const std::vector<std::string>& values) {
    clock_.Advance(RepeatLimit::kInterval);
    const uint64_t before = listener_.positions.size();
    const size_t lines = log_.Lines().size();
    Add(values);
    RunOnce();
    EXPECT_EQ(listener_.positions.size(), before);
    std::string fault;
    for (const std::string& line : log_.Lines() | std::views::drop(lines)) {
      if (line.starts_with("ERROR events could not be stored; retrying ")) fault = line;
    }
    return fault;
  }

  std::vector<std::string> Lines() const { return StoredLines(folder_); }

  TempFolder parent_;
  std::filesystem::path folder_ = parent_.Path() / "events";
  uint64_t segment_bytes_ = 1 << 20;
  size_t lanes_ = 1;
  RecordingLog log_;
  support::VirtualClock clock_;
  support::RecordingTelemetry telemetry_;
  CollectingListener listener_;
  uint64_t added_ = 0;
  std::unique_ptr<FileSink> sink_;
};

}  // namespace ei::file_sink
