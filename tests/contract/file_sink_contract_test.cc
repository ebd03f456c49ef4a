#include <nlohmann/json.hpp>

#include "contract/event_sink_contract.h"
#include "unit/adapters/file_sink/sink_fixture.h"

namespace ei::contract {
namespace {

// Segments of 64 KiB, so that the suite crosses many of them.
class FileSinkHarness {
 public:
  FileSinkHarness() {
    auto opened = file_sink::FileSink::Open({folder_.Path().string(), 64 << 10}, log_, clock_);
    if (!opened) {
      ADD_FAILURE() << opened.error().message;
      std::abort();
    }
    sink_ = std::move(*opened);
  }

  app::EventSink& Sink() { return *sink_; }
  void Close() { sink_.reset(); }
  std::vector<std::string> Values(size_t /*all are there*/) { return file_sink::StoredLines(folder_.Path()); }

  std::vector<StoredDeadLetter> DeadLetters(size_t /*all are there*/) {
    std::vector<StoredDeadLetter> letters;
    for (const std::string& line : file_sink::StoredLines(folder_.Path(), "dead-letters-")) {
      const auto letter = nlohmann::json::parse(line);
      const auto key = letter["key"];
      letters.push_back({letter["dlq_code"], letter["dlq_reason"], letter["dlq_attempts"].dump(),
                         letter["dlq_failed_at"],
                         key.is_null() ? std::nullopt : std::optional<std::string>(key.get<std::string>()),
                         RawValue(line)});
    }
    return letters;
  }

 private:
  // The bytes of the last member, which is "value".
  static std::string RawValue(const std::string& line) {
    constexpr std::string_view kMember = R"(,"value":)";
    const size_t begin = line.find(kMember) + kMember.size();
    return line.substr(begin, line.size() - begin - 1);
  }

  file_sink::TempFolder folder_;
  file_sink::RecordingLog log_;
  support::VirtualClock clock_;
  std::unique_ptr<file_sink::FileSink> sink_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(FileSink, EventSinkContract, FileSinkHarness);

}  // namespace
}  // namespace ei::contract
