#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/http/reply.h"
#include "adapters/http/request.h"
#include "event/ack_level.h"
#include "journal/idempotency_window.h"
#include "journal/waiter.h"

namespace ei::http {

class Connection;

// The member that marks a repeated event where a reply lists the events.
inline constexpr std::string_view kDuplicateMember = R"(,"duplicate":true)";

// The number of errors that the reply to a batch lists at most, so that a small request has no large reply.
// An error omits the event's id if the id is longer than kErrorIdBytesMax.
inline constexpr size_t kErrorsListedMax = 100;
inline constexpr size_t kErrorIdBytesMax = 2048;

// Appends the member that counts the errors beyond kErrorsListedMax, if there are any.
void AppendErrorsOmitted(std::string& body, size_t errors);

enum class AckOutcome : uint8_t {
  kAwaited,
  kReceived,
  kStorageFailed,
  kTimedOut,
  kStopping,  // the service stops
};

// A request whose events are accepted, with everything that its reply needs once the ack has arrived, because
// by then the request's body is gone. Reused, so that a steady state allocates nothing. Used on its event
// loop's thread only.
struct PendingAck final : public Waiter {
  struct Event {
    uint32_t index;  // in the request
    uint32_t id_offset;
    uint32_t id_size;
    uint32_t result;  // index in Results(), or Repeat::kDelivered if it has none
    bool repeated;
  };

  using Waiter::Waiter;

  void Clear();
  void AddEvent(uint32_t index, std::string_view raw_id, uint32_t result, bool repeated);
  std::string_view RawId(const Event& event) const {
    return std::string_view(ids).substr(event.id_offset, event.id_size);
  }

  // Returns the memory, in bytes, of the texts that are kept for the reply; 0 if they take at most 16 KiB,
  // which the record keeps for its next request anyway. `events` isn't included: the journal bounds the
  // number of events that are waited for.
  size_t LargeBytes() const;

  // Writes the reply of level broker. All results must be known.
  void WriteBrokerReply(const Request& request, Reply& out) const;
  // Appends the member "ids" to the problem in `body`.
  void AppendIds(std::string& body) const;

  AckLevel level = AckLevel::kWal;
  AckOutcome outcome = AckOutcome::kAwaited;
  std::shared_ptr<Connection> connection;  // while it waits; keeps it alive

  Reply reply;  // kWal: the complete reply; kBroker: only its headers

  // For one event, and for a batch at kBroker: the accepted events in the order of the request, with their
  // ids as JSON text without quotes.
  std::vector<Event> events;
  std::string ids;

  // For a batch at kBroker: the events that were rejected before the wait.
  bool batch = false;
  size_t rejected = 0;
  std::string rejections;  // as JSON, separated by commas

 private:
  DeliveryResult ResultOf(const Event& event) const;
  void WriteSingle(const Request& request, Reply& out) const;
  void WriteBatch(const Request& request, Reply& out) const;
};

}  // namespace ei::http
