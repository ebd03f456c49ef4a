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

// Of an event that was accepted before, where a reply lists the events.
inline constexpr std::string_view kDuplicateMember = R"(,"duplicate":true)";

// What a reply lists of a batch's errors at most, so that a small request has no large reply; ids that are
// longer are left out.
inline constexpr size_t kErrorsListedMax = 100;
inline constexpr size_t kErrorIdBytesMax = 2048;

// The member that counts the errors beyond those, if there are any.
void AppendErrorsOmitted(std::string& body, size_t errors);

enum class AckOutcome : uint8_t {
  kAwaited,
  kCame,
  kStorageFailed,
  kTimedOut,
  kCutOff,  // the service stops
};

// A request whose events are accepted, and all that its reply will need once the ack has come: by then its
// body is gone. Reused, so that a steady state allocates nothing. Belongs to its event loop's thread.
struct PendingAck final : public Waiter {
  struct Event {
    uint32_t index;  // in the request
    uint32_t id_offset;
    uint32_t id_size;
    uint32_t result;  // its number in Results(); Repeat::kDelivered: none
    bool repeated;
  };

  using Waiter::Waiter;

  void Clear();
  void AddEvent(uint32_t index, std::string_view raw_id, uint32_t result, bool repeated);
  std::string_view RawId(const Event& event) const {
    return std::string_view(ids).substr(event.id_offset, event.id_size);
  }

  // The memory of the texts that a large batch keeps for its reply; 0: no more than is kept for the next
  // request anyway. The journal bounds how many events are waited for.
  size_t LargeBytes() const;

  // Puts the reply of level broker together, once all results are known.
  void WriteBrokerReply(const Request& request, Reply& out) const;
  // The member "ids" of a problem.
  void AppendIds(std::string& body) const;

  AckLevel level = AckLevel::kWal;
  AckOutcome outcome = AckOutcome::kAwaited;
  std::shared_ptr<Connection> connection;  // while it waits; keeps it alive

  Reply reply;  // kWal: the whole; kBroker: its headers

  // For one event, and for a batch at kBroker: the accepted events in the order of the request, with their
  // ids as JSON text without quotes.
  std::vector<Event> events;
  std::string ids;

  // kBroker, of a batch: the events that were rejected at once.
  bool batch = false;
  size_t rejected = 0;
  std::string rejections;  // as JSON, separated by commas

 private:
  DeliveryResult ResultOf(const Event& event) const;
  void WriteSingle(const Request& request, Reply& out) const;
  void WriteBatch(const Request& request, Reply& out) const;
};

}  // namespace ei::http
