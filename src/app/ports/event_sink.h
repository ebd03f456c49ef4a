#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/time.h"

namespace ei::app {

// How a delivery ended, by what the worker does next.
enum class Verdict : uint8_t {
  kDelivered,
  kTransient,     // the sink's trouble, not the event's: send it again, for ever
  kUnknownTopic,  // its topic isn't there: as kTransient, but not for ever
  kEventRefused,  // the sink refuses this event, or one that shared its request: send it again alone, a few
                  // times; a dead letter only if its topic takes others meanwhile
  kEventInvalid,  // this very event can never be delivered: dead-letter it now
};

// One of the ways that a sink has, a partition for instance: what is stuck on one need not hold up what goes
// by another.
using DestinationId = uint64_t;

// Where an event may go.
struct Destinations {
  DestinationId first = 0;
  uint32_t count = 1;   // any of so many in a row; more than one only for events without a key
  uint32_t topic = 0;   // small; destinations of different topics never share a key
  uint32_t layout = 0;  // of the topic's ways; rises when they change, and no destination is of two layouts
};

// An event for the sink. The views stay valid until its report has been given.
struct OutboundEvent {
  uint64_t token = 0;  // the worker's name for it; comes back in the report
  std::string_view value;
  std::string_view key;
  std::string_view topic;        // empty: the sink's own
  std::string_view traceparent;  // empty: none
  uint32_t key_hash = 0;
  bool has_key = false;
  DestinationId destination = 0;  // chosen of those that the sink gave for it
};

struct DeadLetterNote {
  std::string_view code;    // stable, as in "message_too_large"
  std::string_view reason;  // for people
  uint32_t attempts = 0;
  base::WallTime failed_at;
  std::string_view topic = {};  // that refused it; empty where there are no topics
  std::string_view reference =
      {};  // not empty: the event stands there, and its value need not be written again
};

struct DeliveryReport {
  uint64_t token = 0;
  Verdict verdict = Verdict::kDelivered;
  std::string_view code;  // a constant; empty when delivered
  std::string reason;     // empty when delivered

  // From a sink that has such places: the topic that took or refused it, which lives as long as the sink, and
  // where in it a delivered event stands.
  std::string_view topic = {};
  int32_t partition = -1;
  int64_t offset = -1;
};

class DeliveryListener {
 public:
  virtual ~DeliveryListener() = default;
  // Called from the sink's threads or from within Send; exactly once for each event that was sent.
  virtual void OnReports(std::span<DeliveryReport> reports) = 0;
};

// For a destination a lane changes its grouping only with all reports of it back.
enum class Grouping : uint8_t {
  kTogether,  // share requests as the sink likes
  kAlone,     // a request of its own, so that the verdict is about this event only
};

// What is known of the destination, beyond the reports.
enum class Contact : uint8_t {
  kPending,      // the first try is not over
  kUnreachable,  // it was tried, in vain
  kRefused,      // it answers, and doesn't let this client in: its credentials are wrong
  kReached,      // it has answered as it should, now or earlier
};

struct SinkStatus {
  Contact contact = Contact::kPending;  // kReached is never left
  bool refused = false;       // the destination refuses the credentials now, whatever it did earlier
  base::Duration pause{0};    // that the destination has asked for last, as of a quota; 0: none
  size_t one_ack_topics = 0;  // of several replicas, of which one alone suffices for its acknowledgement
};

// Where events go. Events of one lane with the same key arrive in the order of the Send calls, as long as
// each report is kDelivered; after one that isn't for trouble of the sink's, what was sent behind it for the
// same key is kTransient too, until the lane has all reports of their destination back. Thread-safe between
// lanes; a lane's calls come from one thread.
class EventSink {
 public:
  virtual ~EventSink() = default;

  // Before the first Send of the lane; the listener outlives the sink's last report.
  virtual void Attach(size_t lane, DeliveryListener& listener) = 0;

  // Where this event may go. Constant for events of the same key within a layout. When the layout changes the
  // caller sends nothing more to the old one, and waits for what is on its way there. Any thread; never
  // waits.
  virtual Destinations DestinationsOf(const OutboundEvent& event) const = 0;
  // The same of an event with a key of this hash. Without topics and layouts nobody asks.
  virtual Destinations DestinationsOf(uint32_t /*topic*/, uint32_t /*key_hash*/) const { return {}; }

  // Takes the events on; may block only for as long as it takes to hand them over.
  //
  // `failures_seen`: how many reports of this lane that were not kDelivered the caller has dealt with. A sink
  // that has given more, or is about to, fails the whole call (kTransient), because the event of one of them
  // may have to go first. A sink that reports from within Send only can't have.
  virtual void Send(size_t lane, std::span<const OutboundEvent> events, Grouping grouping,
                    uint64_t failures_seen) = 0;

  // Writes the event with its note to the dead-letter destination; the report says whether it stands there.
  // What refuses the letter, or can't take any for a reason that waiting may not mend, is kEventRefused, or
  // kEventInvalid when a shorter one could stand there. The note's views are the caller's again after the
  // call.
  virtual void SendDeadLetter(size_t lane, const OutboundEvent& event, const DeadLetterNote& note) = 0;

  // Sends what is being gathered without waiting for more; returns at once.
  virtual void Flush() = 0;

  // Any thread; never waits.
  virtual SinkStatus Status() const = 0;
};

}  // namespace ei::app
