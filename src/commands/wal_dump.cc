#include "commands/wal_dump.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>

#include "adapters/json/scanner.h"
#include "adapters/wal/log_survey.h"
#include "adapters/wal/segment_reader.h"
#include "base/base64.h"
#include "commands/json_string.h"
#include "commands/settings_commands.h"
#include "commands/wal_text.h"
#include "settings/humanize.h"

namespace ei::service {

namespace {

using wal::LogDamage;
using wal::SurveyedSegment;

constexpr size_t kChunkBytes = 64 << 10;
constexpr size_t kDepthMax = 10'000;  // more than any setting allows

// Writes the lines. Each is one JSON object on one line, whatever bytes the log holds.
class Lines {
 public:
  explicit Lines(std::ostream& out) : out_(out) {}

  void Add(const SurveyedSegment& segment, const wal::LoggedEvent& event, bool values) {
    const bool quarantined = segment.behind == SurveyedSegment::Behind::kAnything;
    fmt::format_to(std::back_inserter(text_),
                   R"({{"position":{},"segment":{},"accepted_at":"{}","settled":{}{})", event.position,
                   segment.number, TimeText(event.accepted_at), quarantined || event.settled,
                   quarantined ? R"(,"set_aside":true)" : "");
    AddId(event.Id());
    if (const auto key = event.Key()) AddText("key", *key);
    if (!event.Topic().empty()) AddText("topic", event.Topic());
    fmt::format_to(std::back_inserter(text_), R"(,"bytes":{})", event.Value().size());
    if (values) AddValue(event.Value());
    text_ += "}\n";
    if (text_.size() >= kChunkBytes) Flush();
  }

  void Flush() {
    errno = 0;
    out_.write(text_.data(), static_cast<std::streamsize>(text_.size()));
    out_.flush();
    text_.clear();
    if (!out_ && error_ == 0) error_ = errno == 0 ? EIO : errno;
  }

  // The errno of the first failed write; 0: none.
  int Error() const { return error_; }

 private:
  bool IsJson(std::string_view text) {
    scanner_.Reset();
    return scanner_.Scan(text, kDepthMax) && scanner_.SkipValue() && scanner_.AtEnd();
  }

  void AddMember(std::string_view name, std::string_view json) {
    text_.append(",\"").append(name).append("\":").append(json);
  }

  void AddBase64(std::string_view name, std::string_view bytes) {
    AddMember(std::string(name) + "_base64", '"' + base::EncodeBase64(bytes) + '"');
  }

  void AddText(std::string_view name, std::string_view text) {
    const std::string quoted = JsonString(text);
    IsJson(quoted) ? AddMember(name, quoted) : AddBase64(name, text);
  }

  // `raw` is the id as it is written in the event, with its escapes.
  void AddId(std::string_view raw) {
    const std::string quoted = '"' + std::string(raw) + '"';
    IsJson(quoted) ? AddMember("id", quoted) : AddText("id", raw);
  }

  // In valid JSON line breaks occur only between tokens, so they can be replaced by spaces.
  void AddValue(std::string_view value) {
    if (!IsJson(value)) {
      AddBase64("event", value);
      return;
    }
    AddMember("event", value);
    const auto begin = text_.end() - static_cast<std::ptrdiff_t>(value.size());
    std::replace_if(begin, text_.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  }

  std::ostream& out_;
  json::Scanner scanner_;
  std::string text_;
  int error_ = 0;
};

class Dumper final : public wal::SegmentVisitor {
 public:
  Dumper(const WalDumpOptions& options, std::ostream& out, std::ostream& errors)
      : options_(options), lines_(out), errors_(errors) {}

  void Begin(const SurveyedSegment& segment) { segment_ = &segment; }
  void Finish() { lines_.Flush(); }
  int Error() const { return lines_.Error(); }
  bool FoundDamage() const { return found_damage_; }

  void OnFrame(const wal::FrameHeader&, uint64_t) override {}
  bool OnEvent(const wal::LoggedEvent& event) override {
    if (event.position >= options_.positions.end) return false;
    if (event.position < options_.positions.from || (event.settled && !options_.all)) return true;
    lines_.Add(*segment_, event, options_.values);
    return lines_.Error() == 0;
  }
  void OnDamage(const LogDamage& damage) override { Report(segment_->name + ": ", damage); }
  void OnMissing(uint64_t from, uint64_t to) override {
    Report("", {"no segment holds them", 0, 0, from, to});
  }
  void Report(const std::string& where, const LogDamage& damage) {
    found_damage_ = true;
    errors_ << "event-ingestor: " << where << DamageText(damage) << '\n';
  }

 private:
  const WalDumpOptions& options_;
  Lines lines_;
  std::ostream& errors_;
  const SurveyedSegment* segment_ = nullptr;
  bool found_damage_ = false;
};

bool IsRequested(const SurveyedSegment& segment, const wal::LogSurvey& survey,
                 const WalDumpOptions& options) {
  if (!segment.readable) return true;  // so that its damage is reported
  const uint64_t from = std::max(segment.header.first_position, options.positions.from);
  const uint64_t end = std::min(segment.positions_end, options.positions.end);
  return from < end && (options.all || survey.settled.Unsettled(from, end) > 0);
}

}  // namespace

base::Result<int> DumpWal(wal::Directory& directory, const WalDumpOptions& options, std::ostream& out,
                          std::ostream& errors) {
  const auto survey = wal::SurveyLog(directory);
  if (!survey) return std::unexpected(survey.error());
  Dumper dumper(options, out, errors);
  for (const LogDamage& damage : survey->damage) dumper.Report("", damage);
  std::vector<const SurveyedSegment*> segments;
  if (options.all) {
    for (const SurveyedSegment& segment : survey->set_aside) segments.push_back(&segment);
  }
  for (const SurveyedSegment& segment : survey->segments) segments.push_back(&segment);
  for (const SurveyedSegment* const segment : segments) {
    if (!IsRequested(*segment, *survey, options)) continue;
    dumper.Begin(*segment);
    ReadSegment(directory, *segment, survey->settled, dumper);
    if (dumper.Error() != 0) break;
  }
  dumper.Finish();
  const bool reader_left = dumper.Error() == EPIPE || dumper.Error() == EBADF;
  if (dumper.Error() != 0 && !reader_left) {
    return base::Fail(base::ErrorKind::kStorage,
                      "can't write the events: " + std::system_category().message(dumper.Error()));
  }
  return dumper.FoundDamage() ? kExitStorage : kExitClean;
}

}  // namespace ei::service
