#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/time.h"
#include "journal/journal.h"
#include "journal/sent_log.h"

namespace ei {

struct DeadLetterNote {
  std::string_view code;    // stable, as in "message_too_large"
  std::string_view reason;  // for people
  uint32_t attempts = 0;
  base::WallTime failed_at;
  std::string_view topic = {};  // that rejected it; empty where there are no topics
  std::string_view reference =
      {};  // not empty: the event stands there, and its value need not be written again
};

// An event that its topic will never take. The views are the listener's until it returns.
struct RejectedEvent {
  EventView event;
  uint64_t position = 0;
  EventRun run;             // of this event alone
  std::string_view code;    // a constant, as in "message_too_large"
  std::string_view reason;  // for people
  std::string_view topic;   // lives as long as the sink
  uint32_t attempts = 1;
};

// How the try to write a dead letter ended.
enum class DeadLetterResult : uint8_t {
  kWritten,
  kUnavailable,  // it may be taken later
  kRejected,     // the dead-letter topic doesn't take it, or takes none for a reason that time may not mend
  kTooLarge,     // a shorter one could stand there
};

struct DeadLetterReport {
  uint64_t token = 0;
  DeadLetterResult result = DeadLetterResult::kWritten;
  std::string_view code = {};    // a constant; empty when written
  std::string_view reason = {};  // for people; the listener's until it returns
};

// What a lane hears, on its own thread, from within the functions of its SinkLane. Each event that was added
// is told of once, as delivered or as rejected, unless the sink ends before.
class DeliveryListener {
 public:
  virtual ~DeliveryListener() = default;
  // Events that stand in the destination, in the order in which they were added, and where. They are the
  // listener's until it returns.
  virtual void OnDelivered(const SettledEvents& delivered) = 0;
  virtual void OnRejected(const RejectedEvent& rejected) = 0;
  virtual void OnDeadLetter(const DeadLetterReport& report) = 0;
};

// One lane's way to where events go. Events with the same key are delivered in the order of Add. What can't
// be delivered now is the sink's to try again, for as long as it takes.
//
// One thread, but for Wake.
class SinkLane {
 public:
  virtual ~SinkLane() = default;

  // Before the first Add; both outlive the lane's last function. `sent`, if there is one, is told of what is
  // sent, and tells what earlier lives sent: their events will be added again.
  virtual void Attach(DeliveryListener& listener, SentLog* sent) = 0;

  // Takes an event over; its bytes are copied.
  virtual void Add(const JournalEvent& event) = 0;

  // Writes the event with its note to where dead letters go; a report with the token follows. All bytes are
  // copied.
  virtual void AddDeadLetter(uint64_t token, const EventView& event, const DeadLetterNote& note) = 0;

  // Works on what was added, and on what comes back, until `until` or Wake, whichever is earlier; a time in
  // the past: does what can be done without waiting.
  virtual void Run(base::SteadyTime until) = 0;

  // Ends the Run under way, or the next one. Any thread.
  virtual void Wake() = 0;

  // Events that are on their way to the destination now, of those added. Any thread.
  virtual uint64_t InFlight() const = 0;
};

// What is known of the destination, beyond the reports.
enum class Connectivity : uint8_t {
  kPending,      // the first try is not over
  kUnreachable,  // it was tried, in vain
  kRefused,      // it answers, and doesn't let this client in: its credentials are wrong
  kConnected,    // it has answered as it should, now or earlier
};

struct SinkStatus {
  Connectivity contact = Connectivity::kPending;  // kConnected is never left
  bool refused = false;       // the destination refuses the credentials now, whatever it did earlier
  base::Duration pause{0};    // that the destination has asked for last, as of a quota; 0: none
  size_t one_ack_topics = 0;  // of several replicas, of which one alone suffices for its acknowledgement
  size_t stalled = 0;         // partitions that have events and take none, while others do
};

// Where events go, by lanes that have nothing to do with one another: each event of a key goes by the same
// one. The lanes live as long as the sink. Thread-safe.
class EventSink {
 public:
  virtual ~EventSink() = default;

  virtual SinkLane& Lane(size_t lane) = 0;

  // Whether what this event is bound for takes nothing while others do. Cheap while there is no such place.
  virtual bool IsStalled(std::string_view topic, std::optional<uint32_t> key_hash) const = 0;

  // Never waits.
  virtual SinkStatus Status() const = 0;
};

}  // namespace ei
