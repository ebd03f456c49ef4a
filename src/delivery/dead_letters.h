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

  // The views are into the dead letter.
  EventView View() const;
  DeadLetterPlace Place() const { return place.empty() ? DeadLetterPlace::kTopic : DeadLetterPlace::kFile; }

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

  // `done`: a dead letter stands where it is kept; it ends after the call.
  DeadLetters(const Parts& parts, const RetryPolicy& retries, uint64_t seed,
              std::function<void(const DeadLetter&)> done)
      : parts_(parts), retries_(retries), random_(seed), done_(std::move(done)) {}

  // It goes with the next SendDue.
  void Add(const RejectedEvent& rejected);

  // From the sink.
  void OnReport(const DeadLetterReport& report);

  void SendDue();

  // nullopt: no dead letter waits for its time.
  std::optional<base::SteadyTime> NextDue() const;

 private:
  DeadLetterNote NoteOf(const DeadLetter& dead_letter) const;
  void SendToTopic(const DeadLetter& dead_letter);
  void Store(const std::vector<DeadLetter*>& dead_letters);
  void Again(DeadLetter& dead_letter);
  void Done(const DeadLetter& dead_letter);

  const Parts parts_;
  const RetryPolicy retries_;
  UuidV7Generator random_;
  const std::function<void(const DeadLetter&)> done_;
  std::map<uint64_t, DeadLetter> dead_letters_;       // by position, which is its token
  std::multimap<base::SteadyTime, DeadLetter*> due_;  // those that wait for their time
};

}  // namespace ei
