#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/ports/clock.h"
#include "app/ports/dead_letter_file.h"
#include "app/ports/event_sink.h"
#include "app/ports/log.h"
#include "domain/retry_policy.h"

namespace ei::app {

// An event that its topic refused, on its way to a place where it is kept.
struct DeadLetter {
  // What it has to do next, or is doing.
  enum class Stage : uint8_t {
    kTopic,      // to the dead-letter topic
    kFile,       // the topic refuses it: to the dead-letter file
    kReference,  // it stands in the file: a record that says so to the topic
    kFiled,      // the topic refuses that too: the file alone is enough
  };

  OutboundEvent event;
  std::string_view code;  // why its topic refused it, a constant
  std::string reason;
  std::string_view topic;
  uint32_t attempts = 0;

  Stage stage = Stage::kTopic;
  bool too_large = false;  // for the dead-letter topic, where a reference has room
  std::string place;       // in the file; empty: it does not stand there
  uint32_t failures = 0;   // of the dead-letter topic and file to take it
  base::SteadyTime due;
  uint64_t turn = 0;  // of those that are due at the same time the lower goes first

  // Whether its next report is the sink's own, not the file's.
  bool AtSink() const { return stage == Stage::kTopic || stage == Stage::kReference; }
};

// The dead letters of one lane: tries the dead-letter topic, for ever while it can't be reached; what the
// topic refuses goes to the file. Each Send of a letter ends with one report to the listener, from the sink
// or from here, as if the file were part of the sink.
//
// Belongs to the lane's thread. A letter is used from Add until it is reported as delivered; the listener may
// end it from within that report.
class DeadLetters {
 public:
  struct Parts {
    EventSink& sink;
    DeadLetterFile* file;  // null: there is none, and a refusal is tried again like an outage
    const Clock& clock;
    Log& log;
  };

  DeadLetters(size_t lane, const Parts& parts, const domain::RetryPolicy& retries, DeliveryListener& listener)
      : lane_(lane), parts_(parts), retries_(retries), listener_(listener) {}

  // The letter goes with the next Send.
  void Add(DeadLetter& letter, base::SteadyTime now);

  // A letter's report that was not kDelivered. `random` is uniform over all 64-bit values.
  void Failed(DeadLetter& letter, const DeliveryReport& report, base::SteadyTime now, uint64_t random);

  // Takes the letters that are due for the next Send; returns how many.
  size_t TakeDue(base::SteadyTime now);
  void Send();

  // nullopt: no letter waits.
  std::optional<base::Duration> UntilDue(base::SteadyTime now) const;

 private:
  void Wait(DeadLetter& letter, base::SteadyTime due);
  void SendToTopic(const DeadLetter& letter);
  void Store(const std::vector<DeadLetter*>& letters);
  DeadLetterNote NoteOf(const DeadLetter& letter) const;

  const size_t lane_;
  const Parts parts_;
  const domain::RetryPolicy retries_;
  DeliveryListener& listener_;
  std::vector<DeadLetter*> waiting_;  // a heap: the first is due next
  uint64_t turns_ = 0;
  std::vector<DeadLetter*> sending_;
};

}  // namespace ei::app
