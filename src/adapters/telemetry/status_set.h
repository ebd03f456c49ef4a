#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ei::telemetry {

// LabelSet for HTTP statuses: numbers them in the order in which they first appear, at most kCapacity of
// them. Thread-safe and lock-free, in the same way.
template <size_t kCapacity>
class StatusSet {
 public:
  static constexpr size_t kOther = kCapacity;

  size_t NumberOf(uint16_t status) {
    if (status == kNone) return kOther;
    for (size_t i = 0; i < kCapacity; ++i) {
      uint16_t found = places_[i].load(std::memory_order_relaxed);
      if (found == kNone && places_[i].compare_exchange_strong(found, status, std::memory_order_relaxed))
        return i;
      if (found == status) return i;
    }
    return kOther;
  }

  // Of a number below kCapacity; 0 when it is not given yet.
  uint16_t At(size_t number) const { return places_[number].load(std::memory_order_relaxed); }

 private:
  static constexpr uint16_t kNone = 0;
  std::array<std::atomic<uint16_t>, kCapacity> places_{};
};

}  // namespace ei::telemetry
