#include <nlohmann/json.hpp>

#include "adapters/file_sink/dead_letter_line.h"
#include "contract/event_sink_contract.h"
#include "support/recording_telemetry.h"
#include "unit/adapters/file_sink/sink_fixture.h"

namespace ei::contract {
namespace {

// Segments of 64 KiB, so that the suite fills many of them.
class FileSinkHarness {
 public:
  FileSinkHarness() {
    auto opened = file_sink::FileSink::Open(
        {.directory = folder_.Path().string(), .segment_bytes = 64 << 10, .lanes = kLanes}, log_, clock_,
        telemetry_);
    if (!opened) {
      ADD_FAILURE() << opened.error().message;
      std::abort();
    }
    sink_ = std::move(*opened);
  }

  EventSink& Sink() { return *sink_; }
  void Close() { sink_.reset(); }
  std::vector<std::string> Values(size_t /*all are there*/) { return file_sink::StoredLines(folder_.Path()); }

  std::vector<StoredDeadLetter> DeadLetters(size_t /*all are there*/) {
    std::vector<StoredDeadLetter> dead_letters;
    for (const std::string& line : file_sink::StoredLines(folder_.Path(), "dead-letters-")) {
      EXPECT_TRUE(nlohmann::json::accept(line)) << line;
      auto dead_letter = file_sink::ParseDeadLetterLine(line);
      if (!dead_letter) {
        ADD_FAILURE() << "not a dead letter: " << line;
        continue;
      }
      dead_letters.push_back({std::string(dead_letter->Header("dlq_code")),
                              std::string(dead_letter->Header("dlq_reason")),
                              std::string(dead_letter->Header("dlq_attempts")),
                              std::string(dead_letter->Header("dlq_failed_at")), std::move(dead_letter->key),
                              std::move(dead_letter->value)});
    }
    return dead_letters;
  }

 private:
  file_sink::TempFolder folder_;
  file_sink::RecordingLog log_;
  support::RealClock clock_;
  support::RecordingTelemetry telemetry_;
  std::unique_ptr<file_sink::FileSink> sink_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(FileSink, EventSinkContract, FileSinkHarness);

}  // namespace
}  // namespace ei::contract
