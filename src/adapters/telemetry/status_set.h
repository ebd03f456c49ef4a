#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ei::telemetry {

// A LabelSet for HTTP statuses: numbers them in the order in which they first appear, at most kCapacity of
// them. Thread-safe and lock-free for the same reason.
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

  // Returns the status with this number, which is below kCapacity; 0 if the number is not in use yet.
  uint16_t At(size_t number) const { return places_[number].load(std::memory_order_relaxed); }

 private:
  static constexpr uint16_t kNone = 0;
  std::array<std::atomic<uint16_t>, kCapacity> places_{};
};

}  // namespace ei::telemetry
