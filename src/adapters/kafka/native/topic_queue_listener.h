#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "adapters/kafka/native/batch.h"

namespace ei::kafka::native {

// Results of a topic's records other than delivery. Called from within the queue's functions.
class TopicQueueListener {
 public:
  virtual ~TopicQueueListener() = default;

  // The topic will never accept these records. `reasons` has one entry a record, or a single one for all of
  // them.
  virtual void OnUndeliverable(const std::string& topic, const Batch& records, std::string_view code,
                               std::span<const std::string> reasons, uint32_t attempts) = 0;
  // Nothing is delivered for now; the queue retries.
  virtual void OnTopicFault(std::string_view code, const std::string& topic, std::string_view detail) = 0;
};

}  // namespace ei::kafka::native
