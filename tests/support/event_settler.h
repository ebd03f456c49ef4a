#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "journal/journal.h"
#include "support/taken_events.h"

namespace ei::support {

// The delivery result of the event at a position.
struct EventResult {
  uint64_t position = 0;
  DeliveryResult result;
};

// Takes all events from the journal's first lane and settles them with results that the test gives.
class EventSettler {
 public:
  // `journal` must outlive this object.
  explicit EventSettler(ei::Journal& journal) : journal_(journal) {}

  void Settle(const std::vector<EventResult>& results) {
    for (auto some = Take(journal_, 0); !some.empty(); some = Take(journal_, 0)) {
      for (const TakenEvent& event : some) runs_.emplace(event.position, ei::RunOf(event));
    }
    for (const EventResult& one : results) {
      const auto run = runs_.extract(one.position);
      if (!run.empty()) journal_.Settle({{&one.position, 1}, {&run.mapped(), 1}, one.result});
    }
  }

  // Settles events as delivered to partition 3 of topic "events"; an event's offset is its position plus 100.
  void Deliver(const std::vector<uint64_t>& positions) {
    std::vector<EventResult> results;
    for (const uint64_t position : positions) results.push_back(Delivered(position));
    Settle(results);
  }

  static EventResult Delivered(uint64_t position) {
    return {position, {{}, "events", 3, static_cast<int64_t>(100 + position)}};
  }
  static EventResult DeadLettered(uint64_t position) { return {position, {"message_too_large", {}, -1, -1}}; }

 private:
  ei::Journal& journal_;
  std::map<uint64_t, EventRun> runs_;  // of events that were taken and not settled
};

}  // namespace ei::support
