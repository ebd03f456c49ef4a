#include "app/dead_letters.h"

#include <utility>

namespace ei::app {

using Stage = DeadLetter::Stage;

namespace {

constexpr std::string_view kComponent = "dead_letters";

std::string BytesOf(const EventView& event) {
  std::string bytes;
  bytes.reserve(event.value.size() + event.key.size() + event.topic.size() + event.traceparent.size());
  for (const std::string_view part : {event.value, event.key, event.topic, event.traceparent}) bytes += part;
  return bytes;
}

}  // namespace

DeadLetter::DeadLetter(const RejectedEvent& rejected)
    : bytes(BytesOf(rejected.event)),
      value_size(rejected.event.value.size()),
      key_size(rejected.event.has_key ? std::optional(rejected.event.key.size()) : std::nullopt),
      topic_size(rejected.event.topic.size()),
      key_hash(rejected.event.key_hash),
      position(rejected.position),
      run(rejected.run),
      code(rejected.code),
      reason(rejected.reason),
      topic(rejected.topic),
      attempts(rejected.attempts) {}

EventView DeadLetter::View() const {
  std::string_view rest = bytes;
  const auto take = [&](size_t size) {
    const std::string_view part = rest.substr(0, size);
    rest.remove_prefix(size);
    return part;
  };
  EventView view;
  view.value = take(value_size);
  view.key = take(key_size.value_or(0));
  view.topic = take(topic_size);
  view.traceparent = rest;
  view.key_hash = key_hash;
  view.has_key = key_size.has_value();
  return view;
}

void DeadLetters::Add(const RejectedEvent& rejected) {
  DeadLetter& letter = letters_.try_emplace(rejected.position, rejected).first->second;
  due_.emplace(parts_.clock.Now(), &letter);
}

void DeadLetters::OnReport(const DeadLetterReport& report) {
  const auto found = letters_.find(report.token);
  if (found == letters_.end()) return;
  DeadLetter& letter = found->second;
  if (report.result == DeadLetterResult::kWritten) return Done(letter);
  const bool rejected = report.result != DeadLetterResult::kUnavailable && parts_.file != nullptr;
  if (!rejected) return Again(letter);
  // It stands in the file already: that is enough.
  if (letter.stage == Stage::kReference) return Done(letter);
  parts_.log.Write(LogLevel::kError, kComponent,
                   "the dead-letter topic rejects a dead letter; it goes to the dead-letter file",
                   {{"code", report.code}, {"reason", report.reason}});
  letter.too_large = report.result == DeadLetterResult::kTooLarge;
  letter.stage = Stage::kFile;
  due_.emplace(parts_.clock.Now(), &letter);
}

// What could not be stored is offered to the topic again, which may have been mended meanwhile.
void DeadLetters::Again(DeadLetter& letter) {
  if (letter.place.empty()) letter.stage = Stage::kTopic;
  due_.emplace(parts_.clock.Now() + retries_.Delay(++letter.failures, random_.NextRandom()), &letter);
}

void DeadLetters::Done(const DeadLetter& letter) {
  done_(letter);
  letters_.erase(letter.position);
}

void DeadLetters::SendDue() {
  if (due_.empty()) return;
  const base::SteadyTime now = parts_.clock.Now();
  std::vector<DeadLetter*> to_file;
  while (!due_.empty() && due_.begin()->first <= now) {
    DeadLetter* const letter = due_.begin()->second;
    due_.erase(due_.begin());
    if (letter->stage == Stage::kFile) {
      to_file.push_back(letter);
    } else {
      SendToTopic(*letter);
    }
  }
  if (!to_file.empty()) Store(to_file);
}

void DeadLetters::SendToTopic(const DeadLetter& letter) {
  parts_.sink.AddDeadLetter(letter.position, letter.View(), NoteOf(letter));
}

void DeadLetters::Store(const std::vector<DeadLetter*>& letters) {
  std::vector<LetterForFile> stored;
  stored.reserve(letters.size());
  for (const DeadLetter* letter : letters) stored.push_back({letter->View(), NoteOf(*letter)});
  FiledLetters filed = parts_.file->Store(stored);
  for (size_t i = 0; i < letters.size(); ++i) {
    DeadLetter& letter = *letters[i];
    if (i >= filed.places.size()) {
      Again(letter);
      continue;
    }
    letter.place = std::move(filed.places[i]);
    letter.failures = 0;
    if (letter.too_large) {
      letter.stage = Stage::kReference;
      SendToTopic(letter);
    } else {
      Done(letter);
    }
  }
}

DeadLetterNote DeadLetters::NoteOf(const DeadLetter& letter) const {
  return {letter.code, letter.reason, letter.attempts, parts_.clock.WallNow(), letter.topic, letter.place};
}

std::optional<base::SteadyTime> DeadLetters::NextDue() const {
  return due_.empty() ? std::nullopt : std::optional(due_.begin()->first);
}

}  // namespace ei::app
