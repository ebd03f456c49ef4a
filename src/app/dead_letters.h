#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/ports/clock.h"
#include "app/ports/dead_letter_file.h"
#include "app/ports/event_sink.h"
#include "app/ports/log.h"
#include "app/ports/telemetry.h"
#include "domain/retry_policy.h"
#include "domain/uuid_v7.h"

namespace ei::app {

// An event that its topic rejected, on its way to a place where it is kept.
struct DeadLetter {
  // What it has to do next, or is doing.
  enum class Stage : uint8_t {
    kTopic,      // to the dead-letter topic
    kFile,       // the topic rejects it: to the dead-letter file
    kReference,  // it stands in the file: a record that says so to the topic
  };

  explicit DeadLetter(const RejectedEvent& rejected);
  DeadLetter(const DeadLetter&) = delete;
  DeadLetter& operator=(const DeadLetter&) = delete;

  // The views are into the letter.
  EventView View() const;
  LetterPlace Place() const { return place.empty() ? LetterPlace::kTopic : LetterPlace::kFile; }

  const std::string bytes;  // of the event: value, key, topic, traceparent
  const size_t value_size;
  const std::optional<size_t> key_size;  // nullopt: it has no key
  const size_t topic_size;
  const uint32_t key_hash;
  const uint64_t position;
  const EventRun run;
  const std::string_view code;  // why its topic rejected it, a constant
  const std::string reason;
  const std::string_view topic;  // that rejected it
  const uint32_t attempts;

  Stage stage = Stage::kTopic;
  bool too_large = false;  // for the dead-letter topic, where a reference has room
  std::string place;       // in the file; empty: it does not stand there
  uint32_t failures = 0;   // of the dead-letter topic and file to take it
};

// The dead letters of one lane: tries the dead-letter topic, for ever while it can't be reached; what the
// topic rejects goes to the file. What is awaited from the sink has no place among those that are due. One
// thread.
class DeadLetters {
 public:
  struct Parts {
    SinkLane& sink;
    DeadLetterFile* file;  // null: there is none, and a rejection is tried again like an outage
    const Clock& clock;
    Log& log;
  };

  // `done`: a letter stands where it is kept; it ends after the call.
  DeadLetters(const Parts& parts, const domain::RetryPolicy& retries, uint64_t seed,
              std::function<void(const DeadLetter&)> done)
      : parts_(parts), retries_(retries), random_(seed), done_(std::move(done)) {}

  // It goes with the next SendDue.
  void Add(const RejectedEvent& rejected);

  // From the sink.
  void OnReport(const DeadLetterReport& report);

  void SendDue();

  // nullopt: no letter waits for its time.
  std::optional<base::SteadyTime> NextDue() const;

 private:
  DeadLetterNote NoteOf(const DeadLetter& letter) const;
  void SendToTopic(const DeadLetter& letter);
  void Store(const std::vector<DeadLetter*>& letters);
  void Again(DeadLetter& letter);
  void Done(const DeadLetter& letter);

  const Parts parts_;
  const domain::RetryPolicy retries_;
  domain::UuidV7Generator random_;
  const std::function<void(const DeadLetter&)> done_;
  std::map<uint64_t, DeadLetter> letters_;            // by position, which is its token
  std::multimap<base::SteadyTime, DeadLetter*> due_;  // those that wait for their time
};

}  // namespace ei::app
