#pragma once

#include <cstdint>
#include <string_view>

#include "base/time.h"

namespace ei {

// Where a dead letter is kept. One whose reference stands in the topic is in the file.
enum class DeadLetterPlace : uint8_t { kTopic, kFile };

// What happened, as the pipeline tells it; the adapter turns each fact into metrics. Every call is cheap
// enough for the hot path (a few relaxed atomic adds) and thread-safe. `code` and `route` are constants from
// a small set.
inline constexpr std::string_view kAllRefused = "all_refused";  // a topic takes no event at all (SinkFault)

class Telemetry {
 public:
  virtual ~Telemetry() = default;

  virtual void HttpRequest(std::string_view route, uint16_t status, base::Duration took) = 0;

  // A request that was answered with a problem of this code, or a connection that was, however far it had
  // come.
  virtual void RequestRejected(std::string_view code) = 0;

  // A connection that was closed to make room for others, whose client may have missed a reply. `why` is a
  // constant.
  virtual void ConnectionDropped(std::string_view why) = 0;

  // A request whose ack did not come in time; its events were accepted.
  virtual void AckTimedOut() = 0;

  // Every event that a request brought, whatever became of it.
  virtual void EventsReceived(uint64_t count) = 0;
  virtual void EventsAccepted(uint64_t count) = 0;
  // Acknowledged and not stored, as they were accepted before.
  virtual void EventsDeduplicated(uint64_t count) = 0;
  // Accepted under the id of another event of the same client, whose bytes are others.
  virtual void EventIdConflicts(uint64_t count) = 0;
  virtual void EventsRejected(std::string_view code, uint64_t count) = 0;

  // `waited` from acceptance to the positive delivery report.
  virtual void EventsDelivered(uint64_t count, base::Duration waited) = 0;
  virtual void EventsDeadLettered(std::string_view code, DeadLetterPlace place, uint64_t count) = 0;
  virtual void EventsRetried(uint64_t count) = 0;
  // A client was refused more than its part of what all share (ClientShares).
  virtual void ClientOverShare(std::string_view what) = 0;
  // A fault of the sink or on the way to it, not of an event.
  virtual void SinkFault(std::string_view code) = 0;
  // Events that were sent again because an acknowledgement was lost. Recognized: the broker had stored them
  // and did not do so twice. Possible: they may stand in the topic twice.
  virtual void SinkRepeats(bool recognized, uint64_t count) = 0;
  // Left in the journal when the process had to stop.
  virtual void EventsUndelivered(uint64_t count) = 0;
};

}  // namespace ei
