#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "event/ack_level.h"
#include "journal/waiter.h"

namespace ei::simulation {

// Waiting requests of levels wal and broker, as an event loop keeps them: it checks them only when it was
// woken, so a lost wake-up shows up as a stall.
class WalRequests {
 public:
  // `journal` must outlive this object.
  explicit WalRequests(ei::Journal& journal) : journal_(journal) {}

  ei::Waiter& New(AckLevel level, const std::vector<std::string>& labels) {
    return waiting_.emplace_back(journal_, queue_, level, labels);
  }
  void Drop() { waiting_.pop_back(); }  // the last one

  // Removes the requests that are complete. For level wal `durable` is called with each label; for level
  // broker `arrived` returns whether the sink has the event. Returns how many requests of level broker were
  // confirmed.
  template <typename Durable, typename Arrived>
  uint64_t Answer(Durable durable, Arrived arrived) {
    if (std::exchange(woken_, false)) {
      queue_->Collect();
      while (queue_->Next() != nullptr) {
      }
    }
    uint64_t confirmed = 0;
    std::erase_if(waiting_, [&](const Request& request) {
      if (request.Waits()) return false;
      if (request.StorageFailed()) return true;  // nothing is guaranteed
      for (const std::string& label : request.labels) {
        if (request.level == AckLevel::kWal) {
          durable(label);
        } else {
          EXPECT_TRUE(arrived(label)) << label << " was confirmed, and the sink doesn't have it";
        }
      }
      if (request.level == AckLevel::kBroker) ++confirmed;
      return true;
    });
    return confirmed;
  }

  bool NoneOf(AckLevel level) const {
    return std::ranges::none_of(waiting_, [level](const Request& one) { return one.level == level; });
  }

 private:
  struct Request final : public ei::Waiter {
    Request(ei::Journal& journal, std::shared_ptr<CompletionQueue> queue, AckLevel asked,
            std::vector<std::string> names)
        : Waiter(journal, std::move(queue)), level(asked), labels(std::move(names)) {}
    const AckLevel level;
    const std::vector<std::string> labels;
  };

  ei::Journal& journal_;
  bool woken_ = false;
  const std::shared_ptr<CompletionQueue> queue_ =
      std::make_shared<CompletionQueue>([this] { woken_ = true; });
  std::list<Request> waiting_;
};

}  // namespace ei::simulation
