#pragma once

#include <cstdint>
#include <string_view>

#include "base/time.h"

namespace ei {

// The place where a dead letter is stored. A dead letter that the topic only refers to is stored in the file.
enum class DeadLetterPlace : uint8_t { kTopic, kFile };

inline constexpr std::string_view kAllRefused = "all_refused";  // SinkFault: a topic rejects every event

// Receives what happens in the pipeline; the adapter turns each call into metrics. Every call is thread-safe
// and cheap enough for the hot path (a few relaxed atomic adds). `code` and `route` are constants from a
// small set.
class Telemetry {
 public:
  virtual ~Telemetry() = default;

  virtual void HttpRequest(std::string_view route, uint16_t status, base::Duration took) = 0;

  // A request, or a connection at any stage, was answered with a problem of this code.
  virtual void RequestRejected(std::string_view code) = 0;

  // A request has no valid credentials. `reason` is a name of AuthFaultRow.
  virtual void AuthenticationFailed(std::string_view reason) = 0;

  // A connection was closed to make room for others; its client may have missed a reply. `why` is a constant.
  virtual void ConnectionDropped(std::string_view why) = 0;

  // A TLS handshake was completed; `took`: from the client's first byte.
  virtual void TlsHandshake(bool resumed, base::Duration took) = 0;
  virtual void TlsHandshakeFailed(std::string_view reason) = 0;

  // The ack of a request timed out; its events were accepted.
  virtual void AckTimedOut() = 0;

  // Counts every event of a request, whether it is then accepted or rejected.
  virtual void EventsReceived(uint64_t count) = 0;
  virtual void EventsAccepted(uint64_t count) = 0;
  // Events that were acknowledged but not stored, because they had been accepted before.
  virtual void EventsDeduplicated(uint64_t count) = 0;
  // Events that were accepted although the same client had sent the same id with different bytes.
  virtual void EventIdConflicts(uint64_t count) = 0;
  virtual void EventsRejected(std::string_view code, uint64_t count) = 0;

  // `waited`: the time from acceptance to the positive delivery report.
  virtual void EventsDelivered(uint64_t count, base::Duration waited) = 0;
  virtual void EventsDeadLettered(std::string_view code, DeadLetterPlace place, uint64_t count) = 0;
  virtual void EventsRetried(uint64_t count) = 0;
  // A client was rejected because it is over its share of the resource `what` (ClientShares).
  virtual void ClientOverShare(std::string_view what) = 0;
  // A fault of the sink or of the connection to it, not of an event.
  virtual void SinkFault(std::string_view code) = 0;
  // Events that were sent again because an acknowledgement was lost. If `recognized`, the broker had stored
  // them and did not store them again; otherwise they may be in the topic twice.
  virtual void SinkRepeats(bool recognized, uint64_t count) = 0;
  // Events that were still in the journal when the process had to stop.
  virtual void EventsUndelivered(uint64_t count) = 0;
};

}  // namespace ei
