#pragma once

#include <cstddef>
#include <string_view>

namespace ei {

inline constexpr size_t kTopicNameBytesMax = 249;  // Kafka's limit

// Returns true if Kafka accepts `name` as the name of a topic (org.apache.kafka.common.internals.Topic).
bool IsTopicName(std::string_view name);

}  // namespace ei
