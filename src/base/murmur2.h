#pragma once

#include <cstdint>
#include <string_view>

namespace ei::base {

// Returns the 32-bit MurmurHash2 (Austin Appleby, public domain) with the seed that Kafka's Java client uses.
// (Murmur2(key) & 0x7fffffff) % partitions is the partition that the Java client would choose.
uint32_t Murmur2(std::string_view key);

}  // namespace ei::base
