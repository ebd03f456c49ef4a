#include "app/dead_letters.h"

#include <algorithm>
#include <utility>

namespace ei::app {

using Stage = DeadLetter::Stage;

namespace {

constexpr std::string_view kComponent = "dead_letters";

DeliveryReport ReportOf(const DeadLetter& letter, Verdict verdict) {
  DeliveryReport report;
  report.token = letter.event.token;
  report.verdict = verdict;
  return report;
}

// For a heap: the first is due next.
bool IsDueLater(const DeadLetter* one, const DeadLetter* other) {
  return std::pair(one->due, one->turn) > std::pair(other->due, other->turn);
}

}  // namespace

void DeadLetters::Add(DeadLetter& letter, base::SteadyTime now) { Wait(letter, now); }

void DeadLetters::Wait(DeadLetter& letter, base::SteadyTime due) {
  letter.due = due;
  letter.turn = turns_++;
  waiting_.push_back(&letter);
  std::ranges::push_heap(waiting_, &IsDueLater);
}

void DeadLetters::Failed(DeadLetter& letter, const DeliveryReport& report, base::SteadyTime now,
                         uint64_t random) {
  const bool refused = report.verdict != Verdict::kTransient && parts_.file != nullptr;
  if (refused) {
    if (letter.stage == Stage::kTopic) {
      parts_.log.Write(LogLevel::kError, kComponent,
                       "the dead-letter topic refuses a dead letter; it goes to the dead-letter file",
                       {{"code", report.code}, {"reason", std::string_view(report.reason)}});
    }
    letter.too_large = report.verdict == Verdict::kEventInvalid;
    letter.stage = letter.stage == Stage::kTopic ? Stage::kFile : Stage::kFiled;
    return Add(letter, now);
  }
  // What could not be stored is offered to the topic again, which may have been mended meanwhile.
  if (letter.place.empty()) letter.stage = Stage::kTopic;
  Wait(letter, now + retries_.Delay(++letter.failures, random));
}

size_t DeadLetters::TakeDue(base::SteadyTime now) {
  sending_.clear();
  while (!waiting_.empty() && waiting_.front()->due <= now) {
    std::ranges::pop_heap(waiting_, &IsDueLater);
    sending_.push_back(waiting_.back());
    waiting_.pop_back();
  }
  return sending_.size();
}

void DeadLetters::Send() {
  std::vector<DeadLetter*> to_file;
  std::vector<DeliveryReport> reports;
  for (DeadLetter* letter : sending_) {
    switch (letter->stage) {
      case Stage::kTopic:
      case Stage::kReference: SendToTopic(*letter); break;
      case Stage::kFile: to_file.push_back(letter); break;
      case Stage::kFiled: reports.push_back(ReportOf(*letter, Verdict::kDelivered)); break;
    }
  }
  sending_.clear();
  if (!to_file.empty()) Store(to_file);
  if (!reports.empty()) listener_.OnReports(reports);
}

void DeadLetters::SendToTopic(const DeadLetter& letter) {
  parts_.sink.SendDeadLetter(lane_, letter.event, NoteOf(letter));
}

void DeadLetters::Store(const std::vector<DeadLetter*>& letters) {
  std::vector<LetterForFile> stored;
  stored.reserve(letters.size());
  for (const DeadLetter* letter : letters) stored.push_back({letter->event, NoteOf(*letter)});
  FiledLetters filed = parts_.file->Store(stored);
  std::vector<DeliveryReport> reports;
  std::vector<const DeadLetter*> references;
  for (size_t i = 0; i < letters.size(); ++i) {
    DeadLetter& letter = *letters[i];
    if (i >= filed.places.size()) {
      DeliveryReport& report = reports.emplace_back(ReportOf(letter, Verdict::kTransient));
      report.code = filed.code;
      report.reason = filed.reason;
      continue;
    }
    letter.place = std::move(filed.places[i]);
    letter.failures = 0;
    if (letter.too_large) {
      letter.stage = Stage::kReference;
      references.push_back(&letter);
    } else {
      letter.stage = Stage::kFiled;
      reports.push_back(ReportOf(letter, Verdict::kDelivered));
    }
  }
  if (!reports.empty()) listener_.OnReports(reports);
  for (const DeadLetter* letter : references) SendToTopic(*letter);
}

DeadLetterNote DeadLetters::NoteOf(const DeadLetter& letter) const {
  return {letter.code, letter.reason, letter.attempts, parts_.clock.WallNow(), letter.topic, letter.place};
}

std::optional<base::Duration> DeadLetters::UntilDue(base::SteadyTime now) const {
  if (waiting_.empty()) return std::nullopt;
  return std::max(base::Duration(0), waiting_.front()->due - now);
}

}  // namespace ei::app
