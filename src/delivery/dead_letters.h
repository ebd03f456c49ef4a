#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "delivery/dead_letter_file.h"
#include "delivery/event_sink.h"
#include "delivery/retry_policy.h"
#include "event/telemetry.h"
#include "event/uuid_v7.h"

namespace ei {

// An event that its topic rejected, until it is stored as a dead letter.
struct DeadLetter {
  // The current or next step.
  enum class Stage : uint8_t {
    kTopic,      // write it to the dead-letter topic
    kFile,       // the topic rejected it: write it to the dead-letter file
    kReference,  // it is in the file: write a reference to it to the topic
  };

  explicit DeadLetter(const RejectedEvent& rejected);
  DeadLetter(const DeadLetter&) = delete;
  DeadLetter& operator=(const DeadLetter&) = delete;

  // The views point into the dead letter.
  EventView View() const;
  DeadLetterPlace Place() const { return place.empty() ? DeadLetterPlace::kTopic : DeadLetterPlace::kFile; }

  const std::string bytes;  // of the event: value, key, topic, context
  const size_t value_size;
  const std::optional<size_t> key_size;  // nullopt: no key
  const size_t topic_size;
  const uint32_t key_hash;
  const uint64_t position;
  const EventRun run;
  const std::string_view code;  // why its topic rejected it, a constant
  const std::string reason;
  const std::string_view topic;  // the topic that rejected it
  const uint32_t attempts;

  Stage stage = Stage::kTopic;
  bool too_large = false;  // too large for the dead-letter topic, but a reference may fit
  std::string place;       // where it is in the file; empty: not there
  uint32_t failures = 0;   // failed attempts to write it to the topic or the file
};

// The dead letters of one lane. Writes them to the dead-letter topic and retries without limit while the
// topic is unreachable. Writes those that the topic rejects to the file. While a report from the sink is
// pending, a dead letter is not in `due_`. Used by one thread.
class DeadLetters {
 public:
  struct Parts {
    SinkLane& sink;
    DeadLetterFile* file;  // null: there is none, and a rejection is retried like an outage
    const Clock& clock;
    Log& log;
  };

  // `done` is called when a dead letter is stored. The dead letter is destroyed after the call.
  DeadLetters(const Parts& parts, const RetryPolicy& retries, uint64_t seed,
              std::function<void(const DeadLetter&)> done)
      : parts_(parts), retries_(retries), random_(seed), done_(std::move(done)) {}

  // The next SendDue sends the dead letter.
  void Add(const RejectedEvent& rejected);

  // Handles a report from the sink.
  void OnReport(const DeadLetterReport& report);

  void SendDue();

  // When the next dead letter is due; nullopt: none is scheduled.
  std::optional<base::SteadyTime> NextDue() const;

 private:
  DeadLetterNote NoteOf(const DeadLetter& dead_letter) const;
  void SendToTopic(const DeadLetter& dead_letter);
  void Store(const std::vector<DeadLetter*>& dead_letters);
  void RetryLater(DeadLetter& dead_letter);
  void Done(const DeadLetter& dead_letter);

  const Parts parts_;
  const RetryPolicy retries_;
  UuidV7Generator random_;
  const std::function<void(const DeadLetter&)> done_;
  std::map<uint64_t, DeadLetter> dead_letters_;       // by position, which is the token
  std::multimap<base::SteadyTime, DeadLetter*> due_;  // scheduled, by time
};

}  // namespace ei
