#include "delivery/dead_letters.h"

#include <utility>

namespace ei {

using Stage = DeadLetter::Stage;

namespace {

constexpr std::string_view kComponent = "dead_letters";

std::string BytesOf(const EventView& event) {
  std::string bytes;
  bytes.reserve(event.value.size() + event.key.size() + event.topic.size() + ContextBytes(event.context));
  for (const std::string_view part : {event.value, event.key, event.topic}) bytes += part;
  AppendContext(bytes, event.context);
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
  view.context = ReadContext(rest);
  view.key_hash = key_hash;
  view.has_key = key_size.has_value();
  return view;
}

void DeadLetters::Add(const RejectedEvent& rejected) {
  DeadLetter& dead_letter = dead_letters_.try_emplace(rejected.position, rejected).first->second;
  due_.emplace(parts_.clock.Now(), &dead_letter);
}

void DeadLetters::OnReport(const DeadLetterReport& report) {
  const auto found = dead_letters_.find(report.token);
  if (found == dead_letters_.end()) return;
  DeadLetter& dead_letter = found->second;
  if (report.result == DeadLetterResult::kWritten) return Done(dead_letter);
  const bool rejected = report.result != DeadLetterResult::kUnavailable && parts_.file != nullptr;
  if (!rejected) return RetryLater(dead_letter);
  // It is in the file already, which is enough.
  if (dead_letter.stage == Stage::kReference) return Done(dead_letter);
  parts_.log.Write(LogLevel::kError, kComponent,
                   "the dead-letter topic rejected a dead letter; writing it to the dead-letter file",
                   {{"code", report.code}, {"reason", report.reason}});
  dead_letter.too_large = report.result == DeadLetterResult::kTooLarge;
  dead_letter.stage = Stage::kFile;
  due_.emplace(parts_.clock.Now(), &dead_letter);
}

// A dead letter that could not be stored is sent to the topic again, as the topic may accept it by then.
void DeadLetters::RetryLater(DeadLetter& dead_letter) {
  if (dead_letter.place.empty()) dead_letter.stage = Stage::kTopic;
  due_.emplace(parts_.clock.Now() + retries_.Delay(++dead_letter.failures, random_.NextRandom()),
               &dead_letter);
}

void DeadLetters::Done(const DeadLetter& dead_letter) {
  done_(dead_letter);
  dead_letters_.erase(dead_letter.position);
}

void DeadLetters::SendDue() {
  if (due_.empty()) return;
  const base::SteadyTime now = parts_.clock.Now();
  std::vector<DeadLetter*> to_file;
  while (!due_.empty() && due_.begin()->first <= now) {
    DeadLetter* const dead_letter = due_.begin()->second;
    due_.erase(due_.begin());
    if (dead_letter->stage == Stage::kFile) {
      to_file.push_back(dead_letter);
    } else {
      SendToTopic(*dead_letter);
    }
  }
  if (!to_file.empty()) Store(to_file);
}

void DeadLetters::SendToTopic(const DeadLetter& dead_letter) {
  parts_.sink.AddDeadLetter(dead_letter.position, dead_letter.View(), NoteOf(dead_letter));
}

void DeadLetters::Store(const std::vector<DeadLetter*>& dead_letters) {
  std::vector<DeadLetterToStore> stored;
  stored.reserve(dead_letters.size());
  for (const DeadLetter* dead_letter : dead_letters)
    stored.push_back({dead_letter->View(), NoteOf(*dead_letter)});
  StoredDeadLetters filed = parts_.file->Store(stored);
  for (size_t i = 0; i < dead_letters.size(); ++i) {
    DeadLetter& dead_letter = *dead_letters[i];
    if (i >= filed.places.size()) {
      RetryLater(dead_letter);
      continue;
    }
    dead_letter.place = std::move(filed.places[i]);
    dead_letter.failures = 0;
    if (dead_letter.too_large) {
      dead_letter.stage = Stage::kReference;
      SendToTopic(dead_letter);
    } else {
      Done(dead_letter);
    }
  }
}

DeadLetterNote DeadLetters::NoteOf(const DeadLetter& dead_letter) const {
  return {dead_letter.code,       dead_letter.reason, dead_letter.attempts,
          parts_.clock.WallNow(), dead_letter.topic,  dead_letter.place};
}

std::optional<base::SteadyTime> DeadLetters::NextDue() const {
  return due_.empty() ? std::nullopt : std::optional(due_.begin()->first);
}

}  // namespace ei
