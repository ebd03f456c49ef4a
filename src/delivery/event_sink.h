#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "journal/journal.h"
#include "journal/sent_log.h"
#include "journal/stalled_topic.h"

namespace ei {

struct DeadLetterNote {
  std::string_view code;    // stable, such as "message_too_large"
  std::string_view reason;  // human-readable
  uint32_t attempts = 0;
  base::WallTime failed_at;
  std::string_view topic = {};  // the one that rejected it; empty if the sink has no topics
  // If not empty: the event is stored there, and its value need not be written again.
  std::string_view reference = {};
};

// An event that its topic rejects permanently. The views are valid until the listener returns.
struct RejectedEvent {
  EventView event;
  uint64_t position = 0;
  EventRun run;             // of this event alone
  std::string_view code;    // a constant, such as "message_too_large"
  std::string_view reason;  // human-readable
  std::string_view topic;   // valid as long as the sink
  uint32_t attempts = 1;
};

// The result of an attempt to write a dead letter.
enum class DeadLetterResult : uint8_t {
  kWritten,
  kUnavailable,  // a later attempt may succeed
  kRejected,     // the dead-letter topic rejects it, or rejects all for a reason that may be permanent
  kTooLarge,     // a shorter one could be written
};

struct DeadLetterReport {
  uint64_t token = 0;
  DeadLetterResult result = DeadLetterResult::kWritten;
  std::string_view code = {};    // a constant; empty if written
  std::string_view reason = {};  // human-readable; valid until the listener returns
};

// Receives the reports of a lane, on the lane's thread, from within the functions of its SinkLane. Each event
// that was added is reported once, as delivered or as rejected, unless the sink ends before.
class DeliveryListener {
 public:
  virtual ~DeliveryListener() = default;
  // The events are stored in the destination, at the place that the result names. They are in the order in
  // which they were added. The data is valid until the function returns.
  virtual void OnDelivered(const SettledEvents& delivered) = 0;
  virtual void OnRejected(const RejectedEvent& rejected) = 0;
  virtual void OnDeadLetter(const DeadLetterReport& report) = 0;
};

// The path of one lane's events to their destination. Events with the same key are delivered in the order of
// Add. The sink retries events that can't be delivered now, for as long as it takes.
//
// Used by one thread, except for Wake and InFlight.
class SinkLane {
 public:
  virtual ~SinkLane() = default;

  // Must be called before the first Add. Both arguments must outlive the last call to the lane. In `sent`, if
  // not null, the lane records what it sends, and finds what previous processes sent: the events of those
  // will be added again.
  virtual void Attach(DeliveryListener& listener, SentLog* sent) = 0;

  // Accepts an event. Its bytes are copied.
  virtual void Add(const JournalEvent& event) = 0;

  // Writes the event with its note to the destination of dead letters. A report with `token` follows. All
  // bytes are copied.
  virtual void AddDeadLetter(uint64_t token, const EventView& event, const DeadLetterNote& note) = 0;

  // Processes the added events and the responses of the destination until `until` or Wake, whichever is
  // earlier. If `until` is in the past, does only the work that needs no waiting.
  virtual void Run(base::SteadyTime until) = 0;

  // Ends the current Run, or the next one. Any thread.
  virtual void Wake() = 0;

  // The number of added events that are on their way to the destination now. Any thread.
  virtual uint64_t InFlight() const = 0;
};

// The state of the connection to the destination.
enum class Connectivity : uint8_t {
  kPending,      // the first attempt has not ended
  kUnreachable,  // attempts were made, without success
  kRefused,      // it responds, but rejects this client's credentials
  kConnected,    // it has responded successfully, now or earlier
};

struct SinkStatus {
  Connectivity contact = Connectivity::kPending;  // once kConnected, it stays so
  bool refused = false;       // the destination rejects the credentials now, even if it accepted them earlier
  base::Duration pause{0};    // the last one that the destination asked for, for example for a quota; 0: none
  size_t one_ack_topics = 0;  // topics with several replicas, of which one suffices for an acknowledgement
  size_t stalled = 0;         // partitions that have events and accept none, while others do
};

// The destination of events. It is divided into independent lanes: all events with one key use the same lane.
// The lanes live as long as the sink. Thread-safe.
class EventSink {
 public:
  virtual ~EventSink() = default;

  virtual SinkLane& Lane(size_t lane) = 0;

  // Whether the place that this event goes to accepts no events, while others do. Cheap while there is no
  // such place.
  virtual bool IsStalled(std::string_view topic, std::optional<uint32_t> key_hash) const = 0;

  // `callback` gets the list of all stalled partitions whenever it changes, from a lane's thread, one call at
  // a time. To be set before a lane runs. A sink whose destinations can't stall never calls it.
  virtual void OnStalls(std::function<void(std::vector<StalledTopic>)> /*callback*/) {}

  // Never waits.
  virtual SinkStatus Status() const = 0;
};

}  // namespace ei
